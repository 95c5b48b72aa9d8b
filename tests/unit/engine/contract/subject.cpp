// SPDX-License-Identifier: Apache-2.0
#include "subject.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <stdexcept>

#include "engine/null/null_engine.h"
#include "kernel_of_tomorrow.h"
#include "spliced/util/unique_fd.h"

namespace spliced::engine::contract {
namespace {

using test::FakeKernel;
using test::kTargetFd;

// Asks the hook before each call on the target.
class Interceptor final : public ForwardingSyscalls {
 public:
  Interceptor(Syscalls& next, int target, const TargetHook& hook)
      : ForwardingSyscalls(next), target_(target), hook_(hook) {}
  ssize_t splice(int in, off64_t* off_in, int out, off64_t* off_out, std::size_t length) override {
    if (in != target_ && out != target_) return next_.splice(in, off_in, out, off_out, length);
    const bool reads = in == target_;
    return with(reads ? util::Op::read : util::Op::write, static_cast<std::uint64_t>(reads ? *off_in : *off_out),
                length, [&](std::size_t bytes) { return next_.splice(in, off_in, out, off_out, bytes); });
  }
  ssize_t pread(int fd, void* buffer, std::size_t length, std::uint64_t offset) override {
    return with(util::Op::read, offset, length,
                [&](std::size_t bytes) { return next_.pread(fd, buffer, bytes, offset); });
  }
  ssize_t pwrite(int fd, const void* buffer, std::size_t length, std::uint64_t offset) override {
    return with(util::Op::write, offset, length,
                [&](std::size_t bytes) { return next_.pwrite(fd, buffer, bytes, offset); });
  }
  int discard(int, std::uint64_t offset, std::uint64_t length) override {
    return plain(util::Op::trim, offset, length);
  }
  int punch_hole(int, std::uint64_t offset, std::uint64_t length) override {
    return plain(util::Op::trim, offset, length);
  }
  int fsync(int) override { return plain(util::Op::fsync, 0, 0); }
  int fdatasync(int) override { return plain(util::Op::fdatasync, 0, 0); }
  int sync_file_range(int, std::uint64_t offset, std::uint64_t length) override {
    return plain(util::Op::sync_file_range, offset, length);
  }
  int wait_ms(int) override { return 0; }

 private:
  template <class Call>
  ssize_t with(util::Op op, std::uint64_t offset, std::size_t length, Call&& call) {
    const Fault fault = hook_ ? hook_(op, offset) : Fault{};
    if (fault.action) fault.action();
    errno = fault.error;
    if (fault.error != 0) return -1;
    return fault.limit == 0 ? 0 : call(std::min(length, fault.limit));
  }
  int plain(util::Op op, std::uint64_t offset, std::size_t length) {
    return static_cast<int>(with(op, offset, length, [](std::size_t) { return ssize_t{0}; }));
  }

  const int target_;
  const TargetHook& hook_;
};

// An engine of a kind, over the given system calls.
class KindSubject : public Subject {
 public:
  KindSubject(const Options& options, Syscalls& sys, int fd) : options_(options), sys_(sys, fd, hook) {
    EngineConfig config;
    config.options = options;
    config.fd = fd;
    for (Setting& setting : config.settings) setting = {65536, 16};
    engine_ = kind()->make(config, sys_, clock, stop.get_token());
  }
  [[nodiscard]] Engine& engine() override { return *engine_; }
  [[nodiscard]] const Kind* kind() const override { return &kind_of(options_); }

 protected:
  void destroy_engine() { engine_.reset(); }

 private:
  const Options options_;
  Interceptor sys_;
  std::unique_ptr<Engine> engine_;
};

struct HasFakeKernel {
  FakeKernel fake{Subject::kTargetBytes};
};
class FakeSubject final : HasFakeKernel, public KindSubject {
 public:
  FakeSubject(const Options& options, bool tomorrow) : KindSubject(options, fake, kTargetFd) {
    fake.vmsplice_copies = tomorrow;
  }
  [[nodiscard]] std::vector<std::byte> target() override { return fake.target; }
  void expect_nothing_left() override {
    destroy_engine();
    EXPECT_EQ(fake.open_pipes(), 0U);
    EXPECT_EQ(fake.open_mappings(), 0U);
  }
};

struct HasRealFile {
  HasRealFile() : file(::memfd_create("spliced-test", MFD_CLOEXEC)) {
    std::vector<std::byte> bytes(Subject::kTargetBytes);
    fill(bytes, 1);
    EXPECT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  util::UniqueFd file;
  KernelOfTomorrow kernel_of_tomorrow;
};
class RealSubject final : HasRealFile, public KindSubject {
 public:
  RealSubject(const Options& options, bool tomorrow)
      : KindSubject(options, tomorrow ? static_cast<Syscalls&>(kernel_of_tomorrow) : kernel(), file.get()) {}
  [[nodiscard]] std::vector<std::byte> target() override {
    std::vector<std::byte> bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)));
    EXPECT_EQ(::pread(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    return bytes;
  }
};

class ScriptedSubject final : public Subject {
 public:
  ScriptedSubject() { fill(bytes_, 1); }
  [[nodiscard]] Engine& engine() override { return engine_; }
  [[nodiscard]] std::vector<std::byte> target() override { return bytes_; }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(kTargetBytes);
  ScriptedEngine engine_{bytes_, hook, clock, stop.get_token(), 7};
};

class NullSubject final : public Subject {
 public:
  [[nodiscard]] Engine& engine() override { return engine_; }
  [[nodiscard]] std::vector<std::byte> target() override { return {}; }

 private:
  NullEngine engine_{clock, stop.get_token()};
};

}  // namespace

std::unique_ptr<Subject> make_subject(const std::string& name) {
  if (name == "scripted") return std::make_unique<ScriptedSubject>();
  if (name == "null") return std::make_unique<NullSubject>();
  std::optional<std::size_t> kind;
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (name.starts_with(kind_at(i).name())) kind = i;
  }
  if (!kind) throw std::invalid_argument("no kind of engine for the subject " + name);
  const Options options = default_options(*kind);
  const bool tomorrow = name.find("tomorrow") != name.npos;
  if (name.ends_with("fake")) return std::make_unique<FakeSubject>(options, tomorrow);
  return std::make_unique<RealSubject>(options, tomorrow);
}

}  // namespace spliced::engine::contract
