// SPDX-License-Identifier: Apache-2.0
// Threads that can be named, and woken out of a blocking system call.
#pragma once
#include <pthread.h>

#include <string_view>

namespace spliced::util {

// Names the calling thread as seen in top(1) and gdb; longer names are cut to 15 characters.
void name_this_thread(std::string_view name);

// Lets this thread run before the workers, where the system permits it (setpriority(2), CAP_SYS_NICE): what watches and
// answers must have its turn when there are many more workers than CPUs. Threads inherit it.
void raise_priority();
// Takes that back: the nice value of the main thread.
void restore_priority();

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
