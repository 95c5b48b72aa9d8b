#include "http/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace spliced::http {
namespace {

// A pool of one thread, which is busy until release() is called.
class BusyPool {
 public:
  explicit BusyPool(std::size_t queue_limit) : pool_("test", 1, queue_limit) {
    pool_.enqueue([this] {
      busy_.count_down();
      free_.wait();
    });
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
  for (int i = 0; i < 1000; ++i) pool.enqueue([&] { ++done; });
  pool.shutdown();
  EXPECT_EQ(done, 1000);
}

TEST(BoundedPool, QueuedTasksRunElsewhereAndAreNotTurnedAway) {
  std::atomic<bool> turned_away{true};
  std::thread::id where;
  BoundedPool pool("test", 1, 1);
  pool.enqueue([&] {
    turned_away = BoundedPool::turning_away();
    where = std::this_thread::get_id();
  });
  pool.shutdown();
  EXPECT_FALSE(turned_away);
  EXPECT_NE(where, std::this_thread::get_id());
}

TEST(BoundedPool, FullQueueTurnsAwayOnTheCallersThread) {
  constexpr std::size_t limit = 3;
  BusyPool pool(limit);
  std::atomic<std::size_t> done{0};
  for (std::size_t i = 0; i < limit; ++i) (*pool).enqueue([&] { done += BoundedPool::turning_away() ? 100 : 1; });
  EXPECT_EQ(done, 0U);
  bool turned_away = false;
  std::thread::id where;
  (*pool).enqueue([&] {
    turned_away = BoundedPool::turning_away();
    where = std::this_thread::get_id();
  });
  EXPECT_TRUE(turned_away);
  EXPECT_EQ(where, std::this_thread::get_id());
  EXPECT_FALSE(BoundedPool::turning_away());
  pool.release();
  (*pool).shutdown();
  EXPECT_EQ(done, limit);
}

TEST(BoundedPool, QueueOfNothingTurnsEverybodyAway) {
  BoundedPool pool("test", 1, 0);
  bool turned_away = false;
  pool.enqueue([&] { turned_away = BoundedPool::turning_away(); });
  EXPECT_TRUE(turned_away);
  pool.shutdown();
}

TEST(BoundedPool, ShutdownFinishesWhatWaits) {
  BusyPool pool(10);
  std::atomic<int> done{0};
  for (int i = 0; i < 10; ++i) (*pool).enqueue([&] { ++done; });
  pool.release();
  (*pool).shutdown();
  EXPECT_EQ(done, 10);
}

TEST(BoundedPool, AfterShutdownEverybodyIsTurnedAway) {
  BoundedPool pool("test", 2, 10);
  pool.shutdown();
  bool turned_away = false;
  pool.enqueue([&] { turned_away = BoundedPool::turning_away(); });
  EXPECT_TRUE(turned_away);
}

}  // namespace
}  // namespace spliced::http
