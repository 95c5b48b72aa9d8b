// SPDX-License-Identifier: Apache-2.0
#include "http/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>

namespace spliced::http {
namespace {

constexpr util::Nanos kLater = 30 * util::kSecond;

// A pool of one thread, which is busy until release() is called.
class BusyPool {
 public:
  explicit BusyPool(std::size_t queue_limit) : pool_("test", 1, queue_limit) {
    EXPECT_TRUE(pool_.enqueue([this] {
      busy_.count_down();
      free_.wait();
    }));
    busy_.wait();
  }
  void release() { free_.count_down(); }
  BoundedPool& operator*() { return pool_; }

 private:
  std::latch busy_{1}, free_{1};
  BoundedPool pool_;
};

TEST(BoundedPool, DoesEveryTaskOnce) {
  std::atomic<int> done{0};
  BoundedPool pool("test", 4, 1000);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(pool.enqueue([&] { ++done; }));
  EXPECT_TRUE(pool.shutdown(kLater));
  EXPECT_EQ(done, 1000);
}

TEST(BoundedPool, TasksRunOnItsThreads) {
  std::thread::id where;
  BoundedPool pool("test", 1, 1);
  EXPECT_TRUE(pool.enqueue([&] { where = std::this_thread::get_id(); }));
  EXPECT_TRUE(pool.shutdown(kLater));
  EXPECT_NE(where, std::this_thread::get_id());
  EXPECT_NE(where, std::thread::id());
}

TEST(BoundedPool, ThreadsAreMadeWhenNoneIsIdle) {
  constexpr std::size_t most = 5;
  std::latch inside{most}, leave{1};
  BoundedPool pool("test", most, 1);
  EXPECT_EQ(pool.threads(), 0U);
  for (std::size_t i = 1; i <= most; ++i) {
    EXPECT_TRUE(pool.enqueue([&] {
      inside.count_down();
      leave.wait();
    }));
    EXPECT_EQ(pool.threads(), i);
  }
  inside.wait();  // all at the same time
  leave.count_down();
}

TEST(BoundedPool, IdleThreadsAreUsedAgain) {
  BoundedPool pool("test", 8, 1);
  for (int i = 0; i < 20; ++i) {
    std::latch done{1};
    EXPECT_TRUE(pool.enqueue([&] { done.count_down(); }));
    done.wait();
  }
  EXPECT_LE(pool.threads(), 3U);  // a thread that has told of its end may not be idle yet
}

TEST(BoundedPool, FullQueueLeavesTheTaskToItsOwner) {
  constexpr std::size_t limit = 3;
  BusyPool pool(limit);
  std::atomic<std::size_t> done{0};
  for (std::size_t i = 0; i < limit; ++i) EXPECT_TRUE((*pool).enqueue([&] { ++done; }));
  std::function<void()> refused = [&] { done += 100; };
  EXPECT_FALSE((*pool).enqueue(std::move(refused)));
  ASSERT_TRUE(refused);
  EXPECT_EQ(done, 0U);
  pool.release();
  EXPECT_TRUE((*pool).shutdown(kLater));
  EXPECT_EQ(done, limit);
}

TEST(BoundedPool, QueueOfNothingStillServesWhoeverFindsAThread) {
  BusyPool pool(0);
  EXPECT_FALSE((*pool).enqueue([] {}));
  pool.release();
  BoundedPool idle("test", 1, 0);
  EXPECT_TRUE(idle.enqueue([] {}));
}

TEST(BoundedPool, ShutdownFinishesWhatWaits) {
  BusyPool pool(10);
  std::atomic<int> done{0};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE((*pool).enqueue([&] { ++done; }));
  pool.release();
  EXPECT_TRUE((*pool).shutdown(kLater));
  EXPECT_EQ(done, 10);
}

TEST(BoundedPool, ShutdownDoesNotWaitBeyondItsLimit) {
  BusyPool pool(1);
  EXPECT_FALSE((*pool).shutdown(util::kSecond / 20));
  EXPECT_FALSE((*pool).enqueue([] {}));
  pool.release();
  EXPECT_TRUE((*pool).shutdown(kLater));
  EXPECT_TRUE((*pool).shutdown(0));
}

// What a task holds may be slow to destroy.
TEST(BoundedPool, TasksAreDestroyedOnItsThreads) {
  struct Tracer {
    std::thread::id* where;
    explicit Tracer(std::thread::id* out) : where(out) {}
    ~Tracer() { *where = std::this_thread::get_id(); }
  };
  std::thread::id where;
  {
    BoundedPool pool("test", 1, 1);
    EXPECT_TRUE(pool.enqueue([tracer = std::make_shared<Tracer>(&where)] {}));
  }
  EXPECT_NE(where, std::this_thread::get_id());
}

}  // namespace
}  // namespace spliced::http
