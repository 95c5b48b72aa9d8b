// SPDX-License-Identifier: Apache-2.0
// A file that fails on demand, to put under a loop device.
//   fuse_disk MOUNTPOINT SIZE_BYTES [in-order|uncached]   serves MOUNTPOINT/disk, kept in memory, until it is
//   unmounted; in-order: one request after the other, as they come; uncached: each request comes here, none is answered
//   by the page cache
// Faults are set by writing lines to MOUNTPOINT/control:
//   fail read|write OFFSET LENGTH ERRNO   requests that touch the range fail with that errno
//   hang read|write OFFSET LENGTH         they wait until "clear"
//   hang-flush                            each close of the file waits until "clear"
//   delay MILLISECONDS [EVERY MILLISECONDS]...   every request takes that much longer; and every so manieth, so much
//   slow OFFSET LENGTH MICROSECONDS       requests that begin in the range take that much longer
//   seek MILLISECONDS                     requests come one after the other, as they do on a disk with one arm, and one
//   that
//                                         does not begin where the last one ended takes that much longer
//   trace FILE                            from now on, appends a line for each request as it begins: read or write,
//   offset
//                                         and length
//   log FILE                              from now on, appends a line for each read: its microseconds
//   fsync MILLISECONDS [ERRNO]            each fsync takes that long, and fails with that errno
//   volatile                              from now on, what is written is lost with the power until it was fsynced
//   power-cut [SEED]                      all of that is lost; with a seed, each of its pages or not, by chance
//   lie                                   fsync reports success, and what was written stays volatile
//   damage ...                            data is damaged in silence; see damage.h
//   clear                                 no faults
#define FUSE_USE_VERSION 35
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "damage.h"

namespace {

struct Fault {
  bool hang = false;
  bool write = false;
  off_t begin = 0;
  off_t end = 0;
  int error = 0;
};

struct SlowRange {
  off_t begin = 0, end = 0;
  int microseconds = 0;
};

struct Disk {
  std::span<char> bytes;  // which take memory when they are written
  std::mutex mutex;
  std::condition_variable cleared;
  std::vector<Fault> faults;
  std::vector<Damage> damages;
  int delay_ms = 0;
  std::vector<SlowRange> slow;
  bool uncached = false;
  int fsync_ms = 0;
  int fsync_error = 0;
  bool hang_flush = false;                            // until it is cleared
  std::vector<std::pair<std::uint64_t, int>> others;  // of every so manieth request, instead; the last that fits counts
  std::uint64_t requests = 0;
  std::ofstream log, trace;
  bool is_volatile = false, lies = false;
  std::map<off_t, std::string> unsynced;  // pages as they were when they were last on the medium
  int seek_ms = 0;
  std::mutex arm;
  off_t arm_at = 0;  // guarded by `arm`
};

Disk disk;

constexpr off_t kPage = 4096;

// Called with the lock held, before the range is written.
void keep_what_is_stable(off_t offset, std::size_t size) {
  if (!disk.is_volatile) return;
  for (off_t page = offset / kPage * kPage; page < offset + static_cast<off_t>(size); page += kPage) {
    const auto length = std::min<std::size_t>(kPage, disk.bytes.size() - static_cast<std::size_t>(page));
    disk.unsynced.try_emplace(page, disk.bytes.data() + page, length);
  }
}

void cut_power(std::istream& in) {
  unsigned seed = 0;
  const bool by_chance = static_cast<bool>(in >> seed);
  std::mt19937 random(seed);
  for (const auto& [page, before] : disk.unsynced) {
    if (!by_chance || random() % 2 == 0) std::copy(before.begin(), before.end(), disk.bytes.begin() + page);
  }
  disk.unsynced.clear();
}

// Whether it is of the power; then it is done.
bool apply_to_power(const std::string& verb, std::istream& in) {
  if (verb == "volatile") {
    disk.is_volatile = true;
  } else if (verb == "lie") {
    disk.lies = true;
  } else if (verb == "power-cut") {
    cut_power(in);
  } else {
    return false;
  }
  return true;
}

// How long requests take. 1 where the line is about something else.
int apply_to_speed(const std::string& verb, std::istringstream& in) {
  off_t length = 0;
  if (verb == "delay") {
    disk.others.clear();
    if (!(in >> disk.delay_ms)) return -EINVAL;
    for (std::pair<std::uint64_t, int> other; in >> other.first >> other.second;) disk.others.push_back(other);
    return 0;
  }
  if (verb == "slow") {
    SlowRange range;
    if (!(in >> range.begin >> length >> range.microseconds)) return -EINVAL;
    range.end = range.begin + length;
    disk.slow.push_back(range);
    return 0;
  }
  if (verb == "seek") return in >> disk.seek_ms ? 0 : -EINVAL;
  if (verb == "fsync") {
    disk.fsync_error = 0;
    if (!(in >> disk.fsync_ms)) return -EINVAL;
    in >> disk.fsync_error;
    return 0;
  }
  return 1;
}

int apply(const std::string& line) {
  std::istringstream in(line);
  std::string verb;
  std::string op;
  Fault fault;
  off_t length = 0;
  in >> verb;
  if (apply_to_power(verb, in)) return 0;
  if (const int result = apply_to_speed(verb, in); result <= 0) return result;
  if (verb == "clear") {
    disk.faults.clear();
    disk.damages.clear();
    disk.delay_ms = disk.seek_ms = disk.fsync_ms = disk.fsync_error = 0;
    disk.hang_flush = disk.is_volatile = disk.lies = false;
    disk.unsynced.clear();
    disk.others.clear();
    disk.slow.clear();
    disk.cleared.notify_all();
    return 0;
  }
  if (verb == "damage") {
    Damage damage;
    if (!Damage::parse(in, damage)) return -EINVAL;
    disk.damages.push_back(damage);
    return 0;
  }
  if (verb == "log" || verb == "trace") {
    std::ofstream& file = verb == "log" ? disk.log : disk.trace;
    std::string path;
    if (!(in >> path)) return -EINVAL;
    file.close();
    file.open(path, std::ios::app);
    return file ? 0 : -EIO;
  }
  if (verb == "hang-flush") {
    disk.hang_flush = true;
    return 0;
  }
  if (!(in >> op >> fault.begin >> length)) return -EINVAL;
  fault.end = fault.begin + length;
  fault.write = op == "write";
  fault.hang = verb == "hang";
  if (!fault.hang && !(in >> fault.error)) return -EINVAL;
  disk.faults.push_back(fault);
  return 0;
}

void move_arm(off_t offset, std::size_t size) {
  const std::lock_guard lock(disk.arm);
  if (offset != disk.arm_at) std::this_thread::sleep_for(std::chrono::milliseconds(disk.seek_ms));
  disk.arm_at = offset + static_cast<off_t>(size);
}

// 0, or the negative errno that a request is to be answered with.
int strike(bool write, off_t offset, std::size_t size) {
  std::unique_lock lock(disk.mutex);
  int delay = disk.delay_ms;
  std::chrono::microseconds slow{0};
  for (const SlowRange& range : disk.slow) {
    if (offset >= range.begin && offset < range.end) slow = std::chrono::microseconds(range.microseconds);
  }
  const bool seeks = disk.seek_ms > 0;
  if (disk.trace.is_open()) disk.trace << (write ? "write " : "read ") << offset << ' ' << size << '\n' << std::flush;
  ++disk.requests;
  for (const auto& [every, milliseconds] : disk.others) {
    if (disk.requests % every == 0) delay = milliseconds;
  }
  const auto touching = [&]() -> const Fault* {
    for (const Fault& fault : disk.faults) {
      if (fault.write == write && offset < fault.end && offset + static_cast<off_t>(size) > fault.begin) return &fault;
    }
    return nullptr;
  };
  while (const Fault* fault = touching()) {
    if (!fault->hang) return -fault->error;
    disk.cleared.wait(lock);
  }
  lock.unlock();
  if (seeks) move_arm(offset, size);
  const auto all = std::chrono::milliseconds(delay) + slow;
  if (all.count() > 0) std::this_thread::sleep_for(all);
  return 0;
}

bool is_disk(const char* path);

// Each close of the file asks for it.
int do_flush(const char* path, fuse_file_info*) {
  std::unique_lock lock(disk.mutex);
  disk.cleared.wait(lock, [&] { return !is_disk(path) || !disk.hang_flush; });
  return 0;
}

int do_fsync(const char*, int, fuse_file_info*) {
  std::unique_lock lock(disk.mutex);
  const auto time = std::chrono::milliseconds(disk.fsync_ms);
  const int error = disk.fsync_error;
  if (!disk.lies && error == 0) disk.unsynced.clear();
  lock.unlock();
  std::this_thread::sleep_for(time);
  return -error;
}

bool is_disk(const char* path) {
  return std::strcmp(path, "/disk") == 0;
}
bool is_control(const char* path) {
  return std::strcmp(path, "/control") == 0;
}

int do_getattr(const char* path, struct stat* st, fuse_file_info*) {
  *st = {};
  st->st_nlink = 1;
  if (std::strcmp(path, "/") == 0) {
    st->st_mode = S_IFDIR | 0755;
    return 0;
  }
  if (!is_disk(path) && !is_control(path)) return -ENOENT;
  st->st_mode = S_IFREG | 0600;
  if (is_disk(path)) st->st_size = static_cast<off_t>(disk.bytes.size());
  return 0;
}

int do_open(const char* path, fuse_file_info* info) {
  info->direct_io = is_control(path) || disk.uncached ? 1 : 0;
  return is_disk(path) || is_control(path) ? 0 : -ENOENT;
}

int do_truncate(const char* path, off_t, fuse_file_info*) {
  return is_control(path) ? 0 : -EPERM;
}

int do_read(const char* path, char* out, std::size_t size, off_t offset, fuse_file_info*) {
  if (!is_disk(path)) return 0;
  if (offset >= static_cast<off_t>(disk.bytes.size())) return 0;
  size = std::min(size, disk.bytes.size() - static_cast<std::size_t>(offset));
  const auto begun = std::chrono::steady_clock::now();
  if (const int error = strike(false, offset, size); error != 0) return error;
  {
    const std::lock_guard lock(disk.mutex);
    DamagedRequest(disk.bytes, offset, size).read(out, disk.damages);
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
  const std::lock_guard lock(disk.mutex);
  if (disk.log.is_open()) disk.log << took.count() << '\n' << std::flush;
  return static_cast<int>(size);
}

int do_write(const char* path, const char* data, std::size_t size, off_t offset, fuse_file_info*) {
  if (is_control(path)) {
    const std::lock_guard lock(disk.mutex);
    const int status = apply(std::string(data, size));
    return status != 0 ? status : static_cast<int>(size);
  }
  if (offset + static_cast<off_t>(size) > static_cast<off_t>(disk.bytes.size())) return -ENOSPC;
  if (const int error = strike(true, offset, size); error != 0) return error;
  const std::lock_guard lock(disk.mutex);
  keep_what_is_stable(offset, size);
  DamagedRequest(disk.bytes, offset, size).write(data, disk.damages);
  return static_cast<int>(size);
}

// Holes read as zeros.
int do_fallocate(const char* path, int mode, off_t offset, off_t length, fuse_file_info*) {
  if (!is_disk(path) || (mode & FALLOC_FL_PUNCH_HOLE) == 0) return -EOPNOTSUPP;
  const auto size = static_cast<off_t>(disk.bytes.size());
  const off_t begin = std::min(offset, size);
  if (const int error = strike(true, begin, static_cast<std::size_t>(length)); error != 0) return error;
  std::fill_n(disk.bytes.begin() + begin, std::min(length, size - begin), '\0');
  return 0;
}

int do_readdir(const char*, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*, fuse_readdir_flags) {
  for (const char* name : {".", "..", "disk", "control"}) {
    fill(buffer, name, nullptr, 0, static_cast<fuse_fill_dir_flags>(0));
  }
  return 0;
}

std::span<char> allocate(std::size_t size) {
  void* bytes = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bytes == MAP_FAILED) return {};
  return {static_cast<char*>(bytes), size};
}

}  // namespace

int main(int argc, char** argv) {
  const bool in_order = argc == 4 && std::strcmp(argv[3], "in-order") == 0;
  disk.uncached = argc == 4 && std::strcmp(argv[3], "uncached") == 0;
  if (argc != 3 && !in_order && !disk.uncached) {
    std::fprintf(stderr, "usage: fuse_disk MOUNTPOINT SIZE_BYTES [in-order|uncached]\n");
    return 2;
  }
  disk.bytes = allocate(std::strtoull(argv[2], nullptr, 10));
  if (disk.bytes.data() == nullptr) return 1;
  fuse_operations operations{};
  operations.getattr = do_getattr;
  operations.open = do_open;
  operations.truncate = do_truncate;
  operations.read = do_read;
  operations.write = do_write;
  operations.flush = do_flush;
  operations.fsync = do_fsync;
  operations.fallocate = do_fallocate;
  operations.readdir = do_readdir;
  char foreground[] = "-f";
  // Whoever asks a loop device what it writes to asks this file system, as whatever user.
  char for_all[] = "-oallow_other";
  char single[] = "-s";
  char* arguments[] = {argv[0], foreground, for_all, argv[1], single, nullptr};
  return fuse_main(in_order ? 5 : 4, arguments, &operations, nullptr);
}
