// SPDX-License-Identifier: Apache-2.0
// Threads that can be named, and woken out of a blocking system call.
#pragma once
#include <pthread.h>

#include <cstdint>
#include <string_view>

namespace spliced::util {

// Names the calling thread as seen in top(1) and gdb; longer names are cut to 15 characters.
void name_this_thread(std::string_view name);

// Lets this thread run before the workers, where the system permits it (setpriority(2), CAP_SYS_NICE): what watches and
// answers must have its turn when there are many more workers than CPUs. Threads inherit it.
void raise_priority();
// Takes that back: the nice value of the main thread.
void restore_priority();

// Gives the calling thread a descriptor table of its own (close_range(2), Linux 5.9): with what was open before in it
// (copy), or with the standard streams alone (empty). What it opens from then on is seen by it, and by the threads that
// it starts, alone. false where the system refuses it: the table is shared as before. Under ThreadSanitizer, which
// takes a number for one descriptor in all threads, it always is.
enum class OwnTable : std::uint8_t { copy, empty };
[[nodiscard]] bool leave_descriptor_table(OwnTable how);
// Closes all in such a table but the standard streams. May block as close(2) does.
void close_own_descriptors();

// Blocks every signal in the calling thread and so in the threads that it starts later.
void block_all_signals();

// The signal that interrupts a blocked system call. Its handler does nothing and is installed without SA_RESTART, so
// that the call returns EINTR and its caller looks at the stop token.
[[nodiscard]] int wake_signal();
void install_wake_handler();
// Lets the calling thread, and no other, receive the wake signal.
void accept_wake_signal();
// Interrupts `thread`. A wake-up that arrives just before the thread enters its system call is lost: repeat until it
// has ended. The thread must not have been joined.
void wake_thread(pthread_t thread);

}  // namespace spliced::util
