// SPDX-License-Identifier: Apache-2.0
#include "kept_results.h"

#include <utility>

namespace spliced::store {

std::size_t StoredDevice::bytes() const {
  std::size_t out = sizeof *this + name.size() + path.size() + figures.size();
  for (const StoredStage& stage : stages) out += sizeof stage + stage.name.size() + stage.figures.size();
  for (const StoredError& one : errors) out += sizeof one + one.message.size();
  return out;
}

KeptResultsPtr keep_results(const DeviceSource& source, std::size_t limit) {
  auto out = std::make_shared<KeptResults>();
  const DeviceSequence next = source();
  while (auto device = next()) {
    out->bytes += device->bytes();
    if (out->bytes > limit) return nullptr;
    out->devices.push_back(std::move(*device));
  }
  return out;
}

DeviceSource read_again(KeptResultsPtr results) {
  return [results = std::move(results)]() -> DeviceSequence {
    return [results, at = std::size_t{0}]() mutable -> std::optional<StoredDevice> {
      if (at == results->devices.size()) return std::nullopt;
      return results->devices[at++];
    };
  };
}

namespace {

class RecordInMemory final : public JobRecord {
 public:
  RecordInMemory(StoredJob job, std::shared_ptr<JobRecord> stored) : job_(std::move(job)), stored_(std::move(stored)) {}
  std::optional<std::string> spec() override { return job_.spec ? job_.spec : stored_->spec(); }
  // They are asked for in their order, most of the time.
  StoredDevice device(std::size_t index) override {
    if (!next_ || index < at_) {
      next_ = job_.results();
      at_ = 0;
    }
    std::optional<StoredDevice> out;
    for (; at_ <= index; ++at_) out = next_();
    return out.value_or(StoredDevice{});
  }
  std::optional<std::string> figures(std::size_t device, int stage) override { return stored_->figures(device, stage); }
  util::Pieces document() override { return stored_->document(); }

 private:
  const StoredJob job_;
  const std::shared_ptr<JobRecord> stored_;
  DeviceSequence next_;
  std::size_t at_ = 0;
};

}  // namespace

std::shared_ptr<JobRecord> record_in_memory(StoredJob job, std::shared_ptr<JobRecord> stored) {
  return std::make_shared<RecordInMemory>(std::move(job), std::move(stored));
}

}  // namespace spliced::store
