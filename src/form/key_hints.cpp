// SPDX-License-Identifier: Apache-2.0
#include "key_hints.h"

#include <fmt/format.h>

#include <array>

namespace spliced::form {
namespace {

// Names with a space between them, and what is said of each.
struct Group {
  std::string_view names;
  std::string_view hint;
};

constexpr std::array kGroups{
    // What has another name here.
    Group{"filename directory filename_format", "give absolute paths in /targets"},
    Group{"description", "use /name"},
    Group{"readwrite", "use /workload/rw"},
    Group{"rwmixwrite", "use /workload/rwmixread, which is 100 less it"},
    Group{"blocksize", "use /workload/bs"},
    Group{"filesize io_size io_limit", "use /workload/size, and /workload/loops or time_based to move more than that"},
    Group{"fileoffset", "use /workload/offset"},
    Group{"numjobs", "use /workload/workers, who share the range rather than each doing all of it"},
    Group{"iodepth", "use /workload/workers: each has one batch of operations under way"},
    Group{"ioengine", "use /engine/kind: \"splice\" (the default) or \"psync\""},
    Group{"timeout", "use /workload/runtime"},
    Group{"buffered", "use /workload/direct, its contrary"},
    Group{"randseed randrepeat allrandrepeat", "use /workload/seed"},
    Group{"fsync_on_close", "use /workload/end_fsync"},
    Group{"zero_buffers", "use /workload/payload: \"zero\""},
    Group{"refill_buffers scramble_buffers", "use /workload/payload: \"random\""},
    Group{"continue_on_error verify_fatal exitall_on_error ignore_error", "use /error_policy/max_errors"},
    Group{"max_latency", "use /error_policy/stall_timeout, after which an operation fails its device"},
    Group{"unmap", "use /workload/rw: \"trim\""},
    Group{"allow_mounted_write", "what is mounted is never written; a reader may set /allow_in_use"},
    Group{"percentile_list clat_percentiles lat_percentiles slat_percentiles",
          "leave it out: percentiles of the whole time of an operation are always told"},
    Group{"write_bw_log write_iops_log write_lat_log write_hist_log log_avg_msec log_window_value log_max_value",
          "leave it out: /metrics has the rates and latencies at any time"},
    // What need not be said.
    Group{"norandommap softrandommap random_generator random_sequence_stride bs_is_seq_rand rw_sequencer",
          "leave it out: a random pass covers each block once without a map"},
    Group{
        "thread mem iomem iomem_align mem_align lockmem create_serialize create_only create_on_open openfiles nrfiles "
        "nr_files opendir unique_filename lockfile",
        "leave it out: workers are threads with buffers of their own, and each target is one file or device"},
    Group{"group_reporting per_job_logs stats disk_util unified_rw_reporting significant_figures gtod_reduce gtod_cpu "
          "disable_lat disable_clat disable_slat disable_bw disable_bw_measurement clocksource bwavgtime iopsavgtime "
          "log_entries log_hist_msec log_hist_coarseness log_offset log_prio log_issue_time log_compression "
          "log_compression_cpus log_store_compressed log_alternate_epoch log_unix_epoch log_alternate_epoch_clock_id "
          "job_start_clock_id block_error_percentiles kb_base unit_base thinktime_spin thinkcycles "
          "thinktime_blocks_type rate_ignore_thinktime rwmixcycle error_dump verify_dump",
          "leave it out: figures are always complete, for each device"},
    Group{"iodepth_batch iodepth_batch_submit iodepth_batch_complete iodepth_batch_complete_min "
          "iodepth_batch_complete_max iodepth_low io_submit_mode serialize_overlap userspace_reap nowait force_async "
          "nonvectored libaio_vectored sqthread_poll sqthread_poll_cpu uncached hipri fixedbufs registerfiles",
          "leave it out: how operations are put together is the engine's; see /engine/batch"},
    Group{"invalidate fadvise_hint pre_read create_fsync",
          "leave it out: with direct I/O, the default, no cache is in the way"},
    Group{"nice prio prioclass priohint comm cgroup cgroup_weight cgroup_nodelete ioscheduler",
          "that is the business of the daemon's systemd unit"},
    Group{"allow_file_create fallocate overwrite file_service_type blockalign ba ramp_size unlink latency_run profile "
          "gpu_dev_id exitall exit_what",
          "leave it out: it has no counterpart here"},
    // What there is not.
    Group{"bsrange blocksize_range bssplit offset_align offset_increment percentage_random percentage_sequential "
          "thinktime_iotime rate_process",
          "every operation of a workload of one way has one size and one order"},
    Group{"stonewall wait_for_previous wait_for new_group",
          "use /stages: they come one after the other on each device"},
    Group{"startdelay", "use the start_delay of one of /streams, or a stage with \"wait\" before it"},
    Group{"steadystate ss ss_dur ss_ramp ss_interval steadystate_duration steadystate_ramp_time "
          "steadystate_check_interval",
          "use /workload/until: {\"steady\": {…}}"},
    Group{"rate_min ratemin rate_iops_min rate_cycle ratecycle latency_target latency_window "
          "latency_percentile flow flow_id flow_watermark flow_sleep",
          "what must be met is said in /criteria: latency by percentile, and min_rate"},
    Group{"cpumask cpus_allowed_policy numa_cpu_nodes",
          "use /workload/cpus_allowed, a list of CPUs that all workers share"},
    Group{"numa_mem_policy", "memory is where the kernel puts it; workers can be bound by /workload/cpus_allowed"},
    Group{"sync atomic", "writes cannot be made synchronous; see /workload/fsync and fdatasync"},
    Group{"do_verify verify_only verify_state_load verify_backlog verify_backlog_batch verify_interval "
          "verify_offset verify_async verify_async_cpus verify_state_save verify_write_sequence verify_header_seed "
          "verifysort verifysort_nr verify_pattern verify_pattern_interval verify_policy experimental_verify",
          "use \"verify\": \"inline\" in a workload, or a stage with \"verify\": {\"of\": STAGE}: every byte is "
          "recomputed"},
    Group{"buffer_pattern", "use /workload/payload: \"pattern:HEX\""},
    Group{"buffer_compress_percentage", "use /workload/compress"},
    Group{"buffer_compress_chunk dedupe_percentage dedupe_global dedupe_mode dedupe_working_set_percentage",
          "what writes carry never repeats; see /workload/payload and compress"},
    Group{"bs_unaligned blocksize_unaligned", "blocks are always aligned"},
    Group{"trim_percentage trim_verify_zero trim_backlog trim_backlog_batch", "use a job with /workload/rw: \"trim\""},
    Group{"num_range", "a trim has one range"},
    Group{"number_ios", "use /workload/size, that number times bs"},
    Group{"fill_device fill_fs file_append", "use /workload/size"},
    Group{"md_per_io_size pi_act pi_chk apptag apptag_mask readfua writefua write_mode verify_mode verify_bytchk "
          "read_mode cmd_type cdb_len deac write_barrier fences sprandom spr_num_regions spr_op spr_cs",
          "no commands of the device itself are sent"},
    Group{"zonemode zonesize zonecapacity zonerange zoneskip read_beyond_wp max_open_zones job_max_open_zones "
          "ignore_zone_limits zone_reset_threshold zone_reset_frequency recover_zbd_write_error write_zone_remainder",
          "zoned disks are only read, like others"},
    Group{"write_hint fdp dataplacement data_placement plid_select fdp_pli_select plids fdp_pli dp_scheme",
          "no hints of placement are given"},
    Group{"filetype end_syncfs unlink_each_loop",
          "each target is one file or device; fio and elbencho load file systems"},
    Group{"read_iolog read_iolog_chunked write_iolog replay_no_stall replay_redirect replay_scale replay_align "
          "replay_time_scale replay_skip merge_blktrace_file merge_blktrace_scalars merge_blktrace_iters",
          "traces are neither read nor written"},
    Group{"exec_prerun exec_postrun uid gid", "the daemon starts no programs"},
};

// The objects of a job definition, and their keys.
constexpr std::array kHomes{
    Group{"rw rwmixread bs offset size ramp_time runtime time_based loops workers direct cpus_allowed rate rate_iops "
          "thinktime thinktime_blocks seed "
          "random_distribution fsync fdatasync sync_file_range end_fsync payload compress header verify until",
          "/workload"},
    Group{"kind read_path pipe_size batch gift", "/engine"},
    Group{"max_errors stall_timeout", "/error_policy"},
    Group{"max_io_errors max_mismatches max_indeterminate min_coverage max_slow_zone max_peer_deviation steady latency "
          "min_rate",
          "/criteria"},
    Group{"of only interval verify_distance mode", "/verify"},
    Group{"run_id adopt complete", "/only"},
    Group{"name recipe parameters targets workload stages engine error_policy criteria on_restart queue destructive "
          "confirm allow_in_use "
          "overwrite_signatures",
          "the job itself"},
    Group{"wait streams repeat", "a stage"},
    Group{"start_delay", "one of the streams of a stage"},
    Group{"times", "/repeat"},
};

bool names(std::string_view list, std::string_view key) {
  for (auto at = list.find(key); at != list.npos; at = list.find(key, at + 1)) {
    const bool begins = at == 0 || list[at - 1] == ' ';
    const bool ends = at + key.size() == list.size() || list[at + key.size()] == ' ';
    if (begins && ends) return true;
  }
  return false;
}

// What kind of object it is, wherever.
std::string_view place_of(std::string_view pointer) {
  const auto slash = pointer.rfind('/');
  if (slash == pointer.npos) return pointer;
  const std::string_view last = pointer.substr(slash);
  if (last.find_first_not_of("0123456789", 1) != last.npos) return last;
  return pointer.substr(0, slash).ends_with("/streams") ? "one of the streams of a stage" : "a stage";
}

}  // namespace

std::string_view fio_hint(std::string_view key) {
  if (key.empty() || key.find(' ') != key.npos) return "";
  for (const Group& group : kGroups) {
    if (names(group.names, key)) return group.hint;
  }
  return "";
}

std::string key_hint(std::string_view pointer, std::string_view key) {
  const std::string_view place = place_of(pointer);
  if (const auto hint = fio_hint(key); !hint.empty()) return fmt::format("this is fio's name; {}", hint);
  for (const Group& home : kHomes) {
    if (home.hint != place && !key.empty() && names(home.names, key))
      return fmt::format("it belongs into {}", home.hint);
  }
  return "";
}

}  // namespace spliced::form
