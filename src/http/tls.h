// SPDX-License-Identifier: Apache-2.0
// TLS under the guard: it turns what lies in memory into what lies in memory, and never meets a socket.
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spliced/util/result.h"

namespace spliced::http {

// What a listener proves itself with, and what it wants of its clients; all of it PEM.
struct TlsMaterial {
  std::string certificate;   // followed by those between it and the root
  std::string key;           // not encrypted
  std::string client_ca;     // "": clients are asked for no certificate
  std::string client_crl;    // what was revoked, a list of each CA of the chain; "": nothing
  bool allow_tls12 = false;  // otherwise 1.3 alone
};

// Immutable and thread-safe; sessions keep theirs when another takes its place.
class TlsContext {
 public:
  // The error names the part that cannot be used: "certificate", "key", "client CA" or "client CRL".
  [[nodiscard]] static util::Result<std::shared_ptr<const TlsContext>> make(const TlsMaterial& material);
  [[nodiscard]] SSL_CTX* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
};

// The server's side of one connection. No call blocks. Belongs to one thread.
class TlsSession {
 public:
  enum class State {
    open,
    ended,   // the client has said that nothing more comes
    broken,  // see failure()
    no_tls,  // what came was no TLS but an HTTP request as it is
  };

  explicit TlsSession(std::shared_ptr<const TlsContext> context);

  // Takes what came off the wire; appends what was said to `plain` and what is to go back to `wire`.
  State receive(std::string_view cipher, std::string& plain, std::string& wire);
  // Appends what is to go onto the wire. Before established() it appends nothing.
  void send(std::string_view plain, std::string& wire);
  // The last word.
  void finish(std::string& wire);

  [[nodiscard]] bool established() const;
  // Why it is broken: "certificate verify failed: certificate has expired".
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // Once established: whether the client CA vouches for the client, and for which names: "DNS:host", "URI:...",
  // "email:...", "IP:...".
  [[nodiscard]] bool has_certificate() const;
  [[nodiscard]] std::vector<std::string> certificate_names() const;

 private:
  struct Free {
    void operator()(SSL* session) const { ::SSL_free(session); }
  };
  void take_outgoing(std::string& wire);
  [[nodiscard]] State fail();

  const std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<SSL, Free> session_;
  std::string failure_;
};

}  // namespace spliced::http
