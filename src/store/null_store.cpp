// SPDX-License-Identifier: Apache-2.0
#include "spliced/store/job_store.h"

namespace spliced::store {
namespace {

class NullRecord final : public JobRecord {
 public:
  std::optional<std::string> spec() override { return std::nullopt; }
  StoredDevice device(std::size_t) override { return {}; }
  std::optional<std::string> figures(std::size_t, int) override { return std::nullopt; }
  util::Pieces document() override {
    return [](std::string&) { return false; };
  }
};

class NullStore final : public JobStore {
 public:
  util::Status accept(const StoredJob&) override { return {}; }
  util::Status put(const StoredJob&) override { return {}; }
  util::Status put_checkpoints(const std::vector<StoredCheckpoint>&) override { return {}; }
  util::Result<std::vector<StoredCheckpoint>> checkpoints(const std::string&) override {
    return std::vector<StoredCheckpoint>{};
  }
  util::Status put_figures(const std::vector<StoredFigures>&) override { return {}; }
  util::Status put_events(const std::vector<StoredEvent>&) override { return {}; }
  util::Status erase(const std::string&, Erased) override { return {}; }
  util::Result<bool> has_used(const std::string&) override { return false; }
  util::Result<std::vector<StoredKey>> keys() override { return std::vector<StoredKey>{}; }
  util::Result<std::vector<StoredJob>> load(std::size_t) override { return std::vector<StoredJob>{}; }
  std::shared_ptr<JobRecord> record(const std::string&) override { return std::make_shared<NullRecord>(); }
  std::vector<StoredEvent> events(std::uint64_t, std::size_t, const std::string&) override { return {}; }
  util::Result<std::uint64_t> last_event() override { return 0; }
  util::Status reserve_events(std::uint64_t) override { return {}; }
};

}  // namespace

std::unique_ptr<JobStore> make_null_store() {
  return std::make_unique<NullStore>();
}

}  // namespace spliced::store
