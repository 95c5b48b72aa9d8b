// SPDX-License-Identifier: Apache-2.0
// Where a source stands, told exactly, and others that go on from there.
#include "spliced/workload/cursor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <numeric>
#include <queue>
#include <thread>

#include "drain.h"
#include "spliced/util/random.h"

namespace spliced::workload {
namespace {

using Next = RequestFeed::Next;

// ThreadSanitizer has nothing to say of one thread, and takes ten times as long for it.
#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kShare = 10;
#else
constexpr std::uint64_t kShare = 1;
#endif

// Workers with blocks under way, which end in any order.
class Team {
 public:
  Team(const WorkloadSpec& spec, const BlockRange& range, const Cursor& from) : source(spec, range, from) {
    for (unsigned worker = 0; worker < spec.workers; ++worker) {
      feeds.push_back(std::make_unique<RequestFeed>(spec, source));
    }
  }
  struct UnderWay {
    std::size_t worker;
    Request request;
  };
  // One more for a worker. false when there is none.
  Next begin(std::size_t worker, std::size_t batch) {
    Request request;
    const Next next = feeds[worker]->next(request, batch);
    if (next == Next::request) under_way.push_back({worker, request});
    return next;
  }
  // What is at `index` ends.
  Request end(std::size_t index) {
    const UnderWay ended = under_way[index];
    under_way[index] = under_way.back();
    under_way.pop_back();
    feeds[ended.worker]->done(ended.request.position);
    return ended.request;
  }
  void publish() {
    for (const auto& feed : feeds) feed->publish();
  }

  BlockSource source;
  std::vector<std::unique_ptr<RequestFeed>> feeds;
  std::deque<UnderWay> under_way;
};

void expect_all_done(const Cursor& cursor, std::uint64_t count) {
  EXPECT_EQ(cursor.watermark, count);
  EXPECT_EQ(cursor.position, count);
  EXPECT_TRUE(cursor.missing.empty());
  EXPECT_TRUE(cursor.done.empty());
}

TEST(Cursor, BeginsAtTheBeginning) {
  const Cursor cursor = BlockSource(spec_for(Mode::read), range_of(10)).cursor();
  expect_all_done(cursor, 0);
  EXPECT_FALSE(cursor.is_done(0));
}

TEST(Cursor, TellsWhatIsDoneBeyondTheFirstThatIsNot) {
  const WorkloadSpec spec = spec_for(Mode::read);
  Team team(spec, range_of(200), {});
  for (int i = 0; i < 150; ++i) ASSERT_EQ(team.begin(0, 8), Next::request);
  std::vector<std::uint64_t> ended;
  for (const std::uint64_t position : {0, 1, 2, 5, 70, 149}) {
    const auto at = std::find_if(team.under_way.begin(), team.under_way.end(),
                                 [&](auto& one) { return one.request.position == position; });
    (void)team.end(static_cast<std::size_t>(at - team.under_way.begin()));
  }
  team.publish();
  const Cursor cursor = team.source.cursor();
  EXPECT_EQ(cursor.watermark, 3U);
  EXPECT_GE(cursor.position, 150U);
  EXPECT_TRUE(cursor.missing.empty());
  for (std::uint64_t position = 0; position < 300; ++position) {
    EXPECT_EQ(cursor.is_done(position), position < 3 || position == 5 || position == 70 || position == 149) << position;
  }
}

// One life of a sequence: until it is all done, or is killed at the point where the test has it.
class Life {
 public:
  Life(const WorkloadSpec& spec, const BlockRange& range, const Cursor& from, util::Random& random,
       std::vector<unsigned>& done)
      : team_(spec, range, from), from_(from), random_(random), done_(done) {}

  // Where it stood at some time before the end, and whether all was done at the end.
  std::pair<Cursor, bool> run(std::uint64_t steps) {
    Cursor last = from_;
    const std::uint64_t depth = 1 + random_.below(200);
    for (std::uint64_t step = 0; step < steps; ++step) {
      const bool more = team_.under_way.size() < depth && random_.below(3) != 0;
      if (more && begin_one()) continue;
      if (team_.under_way.empty() && over_) return {finish(), true};
      if (!team_.under_way.empty()) end_one();
      if (random_.below(50) == 0) last = team_.source.cursor();
      if (random_.below(2'000) == 0) last = check(last);
    }
    if (random_.below(2) == 0) return {check(last), false};  // as after a power cut; or in an orderly way:
    return {finish(), false};
  }

 private:
  // Any worker, or the next one who still has something.
  bool begin_one() {
    const std::size_t first = random_.below(team_.feeds.size());
    for (std::size_t i = 0; i < team_.feeds.size(); ++i) {
      const Next next = team_.begin((first + i) % team_.feeds.size(), 1 + random_.below(40));
      EXPECT_NE(next, Next::later);
      if (next == Next::request) return true;
    }
    over_ = true;
    return false;
  }
  void end_one() {
    const std::uint64_t position = team_.end(random_.below(team_.under_way.size())).position;
    EXPECT_FALSE(from_.is_done(position)) << "done twice";
    EXPECT_EQ(done_[position] & 1, 0U) << "twice in one life";
    done_[position] |= 1;
  }
  Cursor finish() {
    team_.publish();
    return check(team_.source.cursor());
  }
  Cursor check(Cursor cursor) const {
    for (std::uint64_t position = 0; position < done_.size(); ++position) {
      EXPECT_TRUE(!cursor.is_done(position) || done_[position] != 0) << position;
    }
    return cursor;
  }

  Team team_;
  const Cursor from_;
  util::Random& random_;
  std::vector<unsigned>& done_;  // bit 0: in this life
  bool over_ = false;
};

WorkloadSpec any_spec(util::Random& random) {
  constexpr Mode kModes[] = {Mode::read, Mode::randwrite, Mode::rw, Mode::randrw, Mode::randtrim};
  WorkloadSpec spec = spec_for(kModes[random.below(5)]);
  spec.seed = random();
  spec.loops = 1 + random.below(3);
  if (is_random(spec.rw) && random.below(4) == 0) spec.distribution = {Distribution::Kind::zipf, 1.1};
  if (random.below(4) == 0) spec.rate_iops = 1;
  return spec;
}

TEST(Cursor, OthersGoOnFromItUntilAllIsDoneAndDoNothingTwice) {
  util::Random random(1'000);
  for (std::uint64_t i = 0; i < 1'000 / kShare; ++i) {
    WorkloadSpec spec = any_spec(random);
    const BlockRange range = range_of(1 + random.below(1'500), 512 * random.below(8));
    std::vector<unsigned> done(range.count() * spec.loops);
    Cursor cursor;
    for (bool all = false; !all;) {
      spec.workers = 1 + static_cast<unsigned>(random.below(7));
      for (unsigned& one : done) one = one != 0 ? 2 : 0;
      std::tie(cursor, all) = Life(spec, range, cursor, random, done).run(1 + random.below(4 * done.size()));
    }
    for (const unsigned one : done) ASSERT_NE(one, 0U) << "run " << i;
    expect_all_done(cursor, done.size());
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Cursor, WhatTakesLongestDoesNotHoldUpTheRest) {
  const WorkloadSpec spec = spec_for(Mode::randread, 2);
  const BlockRange range = range_of(300'000);
  Team team(spec, range, {});
  // The first of each worker is stuck.
  ASSERT_EQ(team.begin(0, 1), Next::request);
  ASSERT_EQ(team.begin(1, 1), Next::request);
  const std::vector<std::uint64_t> stuck{team.under_way[0].request.position, team.under_way[1].request.position};
  for (std::size_t worker = 0;; worker = 1 - worker) {
    if (team.begin(worker, 1) != Next::request) break;
    (void)team.end(2);
  }
  for (int i = 0; i < 100; ++i) {
    if (team.begin(i % 2, 1) == Next::request) (void)team.end(2);
  }
  team.publish();
  const Cursor cursor = team.source.cursor();
  EXPECT_EQ(cursor.missing, stuck);
  EXPECT_EQ(cursor.position, 300'000U);
  EXPECT_LE(cursor.done.size(), Cursor::kWindow / 64);

  // Others do the two and nothing else.
  Team others(spec_for(Mode::randread, 5), range, cursor);
  std::vector<std::uint64_t> redone;
  for (std::size_t worker = 0; worker < 5; ++worker) {
    while (others.begin(worker, 1) == Next::request) redone.push_back(others.end(0).position);
  }
  EXPECT_EQ(redone, stuck);
  others.publish();
  expect_all_done(others.source.cursor(), 300'000);

  // And when they end after all, that is known.
  while (!team.under_way.empty()) (void)team.end(0);
  team.publish();
  expect_all_done(team.source.cursor(), 300'000);
}

// A worker waits rather than make it longer.
TEST(Cursor, HasABound) {
  WorkloadSpec spec = spec_for(Mode::randread);
  spec.time_based = true;
  Team team(spec, range_of(1 << 20), {});
  std::uint64_t stuck = 0;
  Next next = Next::request;
  for (; next == Next::request; next = team.begin(0, 1)) {
    if (team.under_way.empty()) continue;
    if (team.under_way.back().request.position % 64 == 0) {
      ++stuck;
    } else {
      (void)team.end(team.under_way.size() - 1);
    }
  }
  EXPECT_EQ(next, Next::later);
  team.publish();
  const Cursor cursor = team.source.cursor();
  EXPECT_EQ(cursor.missing.size(), Cursor::kMaxMissing);
  EXPECT_LE(cursor.done.size(), Cursor::kWindow / 64);
  EXPECT_EQ(stuck, team.under_way.size());
  EXPECT_EQ(team.begin(0, 1), Next::later);
  for (int i = 0; i < 40; ++i) (void)team.end(0);
  team.publish();
  EXPECT_EQ(team.begin(0, 1), Next::request) << "there is room again";
}

// Half of the window is as good as a whole one for workers that all come along.
TEST(Cursor, HoldsForSequencesFarBeyondTheWindow) {
  WorkloadSpec spec = spec_for(Mode::read);
  spec.time_based = true;
  Cursor far;
  far.position = far.watermark = (std::uint64_t{1} << 52) + 12'345;
  Team team(spec, range_of(1'000), far);
  std::uint64_t expected = far.watermark;
  for (int i = 0; i < 200'000; ++i) {
    ASSERT_EQ(team.begin(0, 16), Next::request);
    ASSERT_EQ(team.end(0).position, expected++);
  }
  team.publish();
  EXPECT_EQ(team.source.cursor().watermark, expected);
}

// A queue of a depth, of whose blocks one in ten thousand takes a hundred times as long; how long all of them take.
double time_of(RequestFeed* feed, std::uint64_t blocks, std::size_t depth) {
  using Event = std::pair<double, std::uint64_t>;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> under_way;
  double now = 0;
  std::uint64_t next = 0;
  for (bool more = true; more || !under_way.empty();) {
    while (more && under_way.size() < depth) {
      Request request;
      request.position = next;
      const Next got = feed == nullptr ? (next < blocks ? Next::request : Next::end) : feed->next(request, 1);
      more = got != Next::end;
      if (got != Next::request) break;
      ++next;
      const std::uint64_t word = util::mix64(request.position);
      const double latency = word % 10'000 == 0 ? 100 : 0.9 + 0.2 * static_cast<double>(word >> 32) / 4294967296.0;
      under_way.emplace(now + latency, request.position);
    }
    if (under_way.empty()) continue;
    now = under_way.top().first;
    if (feed != nullptr) feed->done(under_way.top().second);
    under_way.pop();
  }
  return now;
}

TEST(Cursor, ALongTailCostsADeepQueueNothing) {
  constexpr std::uint64_t kBlocks = 1'000'000 / kShare;
  const WorkloadSpec spec = spec_for(Mode::randread);
  BlockSource source(spec, range_of(kBlocks));
  RequestFeed feed(spec, source);
  const double free = time_of(nullptr, kBlocks, 1'024);
  const double bound = time_of(&feed, kBlocks, 1'024);
  EXPECT_GE(free / bound, 0.97);
  feed.publish();
  expect_all_done(source.cursor(), kBlocks);
}

// What a thread does with its part: a few blocks under way at a time, which end in another order than they began.
void work(const WorkloadSpec& spec, BlockSource& source, std::vector<std::atomic<int>>& done, std::uint64_t seed) {
  RequestFeed feed(spec, source);
  util::Random random(seed);
  std::vector<std::uint64_t> under_way;
  const auto end_one = [&] {
    const std::size_t index = random.below(under_way.size());
    done[under_way[index]].fetch_add(1);
    feed.done(under_way[index]);
    under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(index));
  };
  for (Next next = Next::request; next != Next::end;) {
    Request request;
    next = feed.next(request, 1 + random.below(20));
    if (next == Next::request) under_way.push_back(request.position);
    if (next == Next::later) feed.publish();
    // Now and then a whole window is between the first that is under way and the last.
    const std::size_t most = random.below(2'000) == 0 ? 400 : 8;
    while (under_way.size() > most || (next == Next::later && !under_way.empty())) end_one();
  }
  while (!under_way.empty()) end_one();
  feed.publish();
}

TEST(Cursor, ManyThreadsAtOnce) {
  for (const Mode mode : {Mode::read, Mode::randread}) {
    constexpr std::uint64_t kBlocks = 400'000;
    const WorkloadSpec spec = spec_for(mode, 6);
    BlockSource source(spec, range_of(kBlocks));
    std::vector<std::atomic<int>> done(kBlocks);
    std::vector<std::thread> threads;
    for (std::uint64_t seed = 0; seed < spec.workers; ++seed) {
      threads.emplace_back([&, seed] { work(spec, source, done, seed); });
    }
    std::uint64_t before = 0;
    for (Cursor cursor; cursor.watermark < kBlocks / 2;) {
      cursor = source.cursor();
      EXPECT_GE(cursor.watermark, before);
      before = cursor.watermark;
      for (std::uint64_t i = 0; i < 2'000; ++i) {
        const std::uint64_t position = util::mix64(before + i) % kBlocks;
        EXPECT_TRUE(!cursor.is_done(position) || done[position].load() == 1) << position;
      }
    }
    for (std::thread& thread : threads) thread.join();
    for (std::uint64_t i = 0; i < kBlocks; ++i) ASSERT_EQ(done[i].load(), 1) << i;
    expect_all_done(source.cursor(), kBlocks);
  }
}

}  // namespace
}  // namespace spliced::workload
