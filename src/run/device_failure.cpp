// SPDX-License-Identifier: Apache-2.0
// How a device under a job comes to fail.
#include <fmt/format.h>

#include <algorithm>

#include "device_run.h"
#include "spliced/util/message_id.h"

namespace spliced::run {

using util::Nanos;

namespace {

constexpr Nanos kLogInterval = util::kSecond;  // at most one error line per device in this time

}  // namespace

void DeviceRun::fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!reason_.empty()) return;
    reason_ = reason;
  }
  environment_.log.log(util::LogLevel::error, fmt::format("{}: failed: {}", facts().name, reason),
                       {{util::kMessageIdKey, std::string(util::message::kDeviceFailed)},
                        {"JOB_ID", label_.job_id},
                        {"DEVICE", facts().name}});
  if (const auto stage = moment().current) stage->request_stop();
  hooks_.on_change();
}

bool DeviceRun::failed() const {
  const std::lock_guard lock(mutex_);
  return !reason_.empty();
}

void DeviceRun::on_io_error(const ErrorEntry& entry, std::uint64_t total, ErrorClass error_class) {
  log_error(entry, total);
  tell_of_error(entry);
  const std::uint64_t allowed = current_spec().error_policy.max_errors;
  if (error_class == ErrorClass::host) {
    fail(fmt::format("not the device's doing: {}", entry.message));
  } else if (error_class == ErrorClass::removed) {
    fail(fmt::format("the device went away or shrank: {}", entry.message));
  } else if (total > allowed) {
    fail(fmt::format("{} errors, {} allowed; the last: {}", total, allowed, entry.message));
  }
}

void DeviceRun::on_refusal(const std::string& what) {
  unmeasured_ = true;
  fail(fmt::format("not the device's doing: {}", what));
}

void DeviceRun::on_host_fault(HostFault fault, const std::string& what) {
  if (environment_.host_untrusted != nullptr) environment_.host_untrusted->store(true);
  environment_.log.log(util::LogLevel::error,
                       fmt::format("{}: this host is not to be trusted ({}): {}", facts().name,
                                   kHostFaultNames[static_cast<std::size_t>(fault)], what),
                       {{util::kMessageIdKey, std::string(util::message::kHostFault)},
                        {"JOB_ID", label_.job_id},
                        {"DEVICE", facts().name},
                        {"HOST_FAULT", std::string(kHostFaultNames[static_cast<std::size_t>(fault)])}});
}

void DeviceRun::on_damage(const Miscompare& one, bool first_of_its_kind) {
  const std::string kind(verify::kKindNames[static_cast<std::size_t>(one.damage.kind)]);
  if (first_of_its_kind) {
    tell({News::Kind::miscompare, current_spec().name, one.damage.offset, kind,
          fmt::format("{} data at offset {}", kind, one.damage.offset)});
  }
  const Nanos now = environment_.clock.now();
  {
    const std::lock_guard lock(mutex_);
    if (!first_of_its_kind && last_damage_log_ != 0 && now - last_damage_log_ < kLogInterval) return;
    last_damage_log_ = now;
  }
  const std::string finding(kFindingNames[static_cast<std::size_t>(one.finding)]);
  environment_.log.log(util::LogLevel::error,
                       fmt::format("{}: {} data in the {} bytes at offset {} ({} bits differ; {})", facts().name, kind,
                                   one.damage.length, one.damage.offset, one.bits, finding),
                       {{util::kMessageIdKey, std::string(util::message::kMiscompare)},
                        {"JOB_ID", label_.job_id},
                        {"DEVICE", facts().name},
                        {"OFFSET", fmt::format("{}", one.damage.offset)},
                        {"KIND", kind},
                        {"FINDING", finding}});
}

void DeviceRun::tell(News news) {
  if (hooks_.on_news && news_.fetch_add(1) < kMostNews) hooks_.on_news(std::move(news));
}

void DeviceRun::tell_of_stage() {
  const std::string& name = current_spec().name;
  tell({News::Kind::stage, name, 0, "", fmt::format("stage {}", name)});
}

void DeviceRun::tell_of_error(const ErrorEntry& entry) {
  {
    const std::lock_guard lock(mutex_);
    if (told_errors_.size() >= kMostNews) return;
    if (!told_errors_.emplace(current_index_.load(), entry.op, entry.error).second) return;
  }
  tell({News::Kind::error, current_spec().name, entry.offset, entry.error, entry.message});
}

void DeviceRun::log_error(const ErrorEntry& entry, std::uint64_t total) {
  const Nanos now = environment_.clock.now();
  {
    const std::lock_guard lock(mutex_);
    if (last_log_ != 0 && now - last_log_ < kLogInterval) return;
    last_log_ = now;
  }
  environment_.log.log(util::LogLevel::warning, fmt::format("{}: error {}: {}", facts().name, total, entry.message),
                       {{util::kMessageIdKey, std::string(util::message::kDeviceError)},
                        {"JOB_ID", label_.job_id},
                        {"DEVICE", facts().name},
                        {"ERRNO_NAME", entry.error}});
}

void DeviceRun::check_direct_io() {
  if (stopped_) return;
  DeviceTotals totals;
  add_to(totals);
  const bool reads_count = !created_ && std::none_of(stages_->begin(), stages_->end(), first_that_destroys);
  const std::string shortfall = witness_.find_shortfall(totals, reads_count);
  if (shortfall.empty()) return;
  unmeasured_ = true;
  fail(shortfall);
}

void DeviceRun::check_stall(Nanos now) {
  if (stalled() || finished()) return;
  const auto stalled = [&](const std::string& what) {
    stalled_at_ = now;
    fail(fmt::format("stalled: {}", what));
    // What it comes to after that, if it comes back, is no part of the job any more.
    tell_figures(current_index_);
  };
  const auto too_long = [&](Nanos since, Nanos allowance = 0) {
    const Nanos waited = now - std::max(since, environment_.pauses.resumed_at());
    return since != 0 && waited >= current_spec().error_policy.stall_timeout + allowance;
  };
  const auto not_back = [&](const char* what, Nanos since) {
    return fmt::format("{} has not come back for {:.1f} s", what, static_cast<double>(now - since) / 1e9);
  };
  if (const Nanos since = looking_since_; too_long(since)) return stalled(not_back("a look at the device", since));
  if (const Nanos closing = closing_since_; too_long(closing)) return stalled(not_back("closing the device", closing));
  if (const Nanos since = flushes_.since(); too_long(since, flush_allowance_))
    return stalled(not_back("a FLUSH of the device", since));
  const auto stage = moment().current;
  if (!stage) return;
  if (const auto what = stage->find_stall(now)) stalled(*what);
}

}  // namespace spliced::run
