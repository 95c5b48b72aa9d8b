// SPDX-License-Identifier: Apache-2.0
// The template of lookout.h.
#pragma once
#include <utility>

#include "spliced/device/lookout.h"

namespace spliced::device {

// What those who answer and the one who asks have in common; the last of them frees it.
template <class T>
struct Round {
  std::mutex mutex;
  std::condition_variable progress;
  std::vector<std::string> keys;
  std::function<T(std::size_t)> question;
  std::vector<std::optional<T>> answers;
  util::Nanos patience = 0;
  std::size_t next = 0;        // the question that comes next
  std::size_t ended = 0;       // answered, or left out: each once, whoever comes first
  bool asking = false;         // the thread that goes on is at a question
  util::Nanos asked_at = 0;    // when the last one was begun
  std::size_t generation = 0;  // of the thread that goes on
};

// Called on a device thread: question after question, until another thread has taken over.
template <class T>
void answer_round(const std::shared_ptr<Round<T>>& round, Looks& looks, std::size_t generation) {
  for (;;) {
    std::size_t index = 0;
    {
      const std::lock_guard lock(round->mutex);
      if (round->generation != generation || round->next == round->keys.size()) return;
      index = round->next++;
      round->asking = true;
      round->asked_at = util::system_clock().now();
    }
    std::optional<T> answer;
    {
      // Others ask the same at the same time; one that has not been answered for longer is not waited for.
      const std::string& key = round->keys[index];
      const auto ticket = looks.begin(key, key, util::system_clock().now() + Looks::kPatience, round->patience);
      if (ticket) answer = round->question(index);
    }
    const std::lock_guard lock(round->mutex);
    round->answers[index] = std::move(answer);
    if (round->generation != generation) return;  // given up, and counted then
    round->asking = false;
    ++round->ended;
    round->progress.notify_all();
  }
}

template <class T>
std::vector<std::optional<T>> ask_each(Lookout& lookout, const std::vector<std::string>& keys,
                                       std::function<T(std::size_t)> question, util::Nanos patience,
                                       util::Nanos until) {
  const auto round = std::make_shared<Round<T>>();
  round->keys = keys;
  round->question = std::move(question);
  round->patience = patience;
  round->answers.resize(keys.size());
  std::unique_lock lock(round->mutex);
  while (round->ended < keys.size()) {
    const std::string key = keys[round->next];
    lock.unlock();  // a thread may have to be made
    const auto thread = lookout.thread_for(key);
    lock.lock();
    if (!thread) break;
    round->asked_at = util::system_clock().now();
    (*thread)->post([round, &looks = lookout.looks(), generation = round->generation, thread = *thread] {
      answer_round(round, looks, generation);
    });
    const auto done = [&] { return round->ended >= keys.size(); };
    for (;;) {
      const util::Nanos end = std::min(until, round->asked_at + patience);
      const util::Nanos now = util::system_clock().now();
      if (done() || now >= end) break;
      round->progress.wait_for(lock, std::chrono::nanoseconds(end - now), done);
    }
    if (done() || util::system_clock().now() >= until) break;
    ++round->generation;
    if (std::exchange(round->asking, false)) ++round->ended;
  }
  ++round->generation;
  return round->answers;
}

}  // namespace spliced::device
