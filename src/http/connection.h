// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "answer.h"
#include "head_guard.h"
#include "spliced/access/doorkeeper.h"
#include "spliced/util/clock.h"
#include "spliced/util/unique_fd.h"
#include "tls.h"

namespace spliced::http {

// A request from its admission to its answer, shared with the thread that handles it.
struct Exchange {
  Request request;
  const Route* route = nullptr;  // nullptr: refused before there was one
  std::string_view method = "other";
  util::Nanos begun = 0;  // when the connection was accepted
  // The client has hung up. Its own, for whoever kept Request::peer_gone.
  const std::shared_ptr<std::atomic<bool>> gone = std::make_shared<std::atomic<bool>>(false);
};

// The function that makes the pieces of a streamed body. Only threads of the pool call and destroy it.
using Stream = std::shared_ptr<const std::function<bool(std::string&)>>;

// One accepted socket, and what of its request and answer is in memory. No call blocks. Belongs to the thread of the
// event loop.
class Connection {
 public:
  enum class Phase {
    head,       // the request's head is awaited
    body,       // the head was accepted
    handling,   // a thread of the pool has the request
    answering,  // bytes of the answer are unsent, or still to be made
    lingering,  // the answer is sent; what the client still sends is read and dropped
  };
  enum class Input {
    some,
    nothing_yet,
    end,
    broken,
    not_encrypted,  // an HTTP request as it is, where TLS was to come; what is sent from now on is not encrypted either
  };

  Connection(util::UniqueFd fd, std::uint64_t number, bool is_tcp, util::Nanos now)
      : id(number), tcp(is_tcp), exchange(std::make_shared<Exchange>()), fd_(std::move(fd)) {
    exchange->begun = now;
  }

  // From now on all of it is encrypted. Before anything else.
  void encrypt(std::shared_ptr<const TlsContext> context) { tls_ = std::make_unique<TlsSession>(std::move(context)); }
  // At most `size` bytes; `got` says how many came, which may be none of those that TLS has for itself.
  [[nodiscard]] Input receive(char* data, std::size_t size, std::size_t& got);
  // Whether some are left that the socket knows nothing of.
  [[nodiscard]] bool has_input() const { return !plain_.empty(); }
  // Whether something can be said: not before keys are agreed on.
  [[nodiscard]] bool can_send() const { return !tls_ || tls_->established(); }
  void send_later(std::string bytes);
  // As much as the socket takes. false: the peer takes nothing any more.
  [[nodiscard]] bool flush();
  [[nodiscard]] std::size_t unsent() const { return out_.size() - sent_; }
  // Tells the peer that nothing more comes.
  void finish_sending();
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Where the other end is; see Request::peer.
  [[nodiscard]] std::string peer() const;
  // What it shows of itself, but for its request.
  [[nodiscard]] access::Credentials credentials() const;
  // Why it is broken, when TLS is the reason; "" otherwise.
  [[nodiscard]] std::string tls_failure() const { return tls_ ? tls_->failure() : ""; }
  [[nodiscard]] bool receives_request() const { return phase == Phase::head || phase == Phase::body; }

  const std::uint64_t id;
  const bool tcp;
  Phase phase = Phase::head;
  HeadGuard guard;
  std::shared_ptr<Exchange> exchange;
  AnswerForm form;
  int status = 0;
  Stream stream;                // of the pieces that are still to come
  bool pulling = false;         // the pool makes one of them
  std::shared_ptr<Feed> feed;   // of what follows them
  bool peer_finished = false;   // with what it has to send, or altogether
  bool parting = false;         // turned away; not counted among those that are served
  std::size_t dropped = 0;      // bytes read while lingering
  std::uint32_t interest = 0;   // of epoll
  std::size_t counted_in = 0;   // what the event loop has counted of the request,
  std::size_t counted_out = 0;  // and of the answer

 private:
  [[nodiscard]] Input receive_raw(char* data, std::size_t size, std::size_t& got) const;
  [[nodiscard]] Input decrypt();
  void append(std::string wire);

  util::UniqueFd fd_;
  std::unique_ptr<TlsSession> tls_;
  std::string plain_;  // decrypted, and not taken yet
  bool tls_ended_ = false;
  std::size_t quiet_ = 0;  // bytes from the wire since there was something to take
  std::string out_;
  std::size_t sent_ = 0;  // of out_
};

}  // namespace spliced::http
