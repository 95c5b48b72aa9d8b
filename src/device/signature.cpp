#include "signature.h"

#include <blkid.h>

#include <memory>

namespace spliced::device {

util::Result<std::vector<std::string>> find_signatures(int fd) {
  const std::unique_ptr<blkid_struct_probe, void (*)(blkid_probe)> probe(blkid_new_probe(), &blkid_free_probe);
  if (!probe || blkid_probe_set_device(probe.get(), fd, 0, 0) != 0) {
    return util::fail(util::Errc::system, "cannot look for file-system signatures");
  }
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE);
  blkid_probe_enable_partitions(probe.get(), 1);
  std::vector<std::string> names;
  // 0: found one, 1: no more, negative: error.
  int more = 0;
  while ((more = blkid_do_probe(probe.get())) == 0) {
    for (const char* key : {"TYPE", "PTTYPE"}) {
      const char* value = nullptr;
      if (blkid_probe_lookup_value(probe.get(), key, &value, nullptr) == 0 && value != nullptr) {
        names.emplace_back(value);
      }
    }
  }
  if (more < 0) return util::fail(util::Errc::system, "looking for file-system signatures failed");
  return names;
}

}  // namespace spliced::device
