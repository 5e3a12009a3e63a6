// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

/// Starts a program that can't outlive the thread that calls this: the kernel kills it (SIGKILL) when that thread ends,
/// whatever ended it. posix_spawn has no attribute for that.
///
/// The child has a process group of its own, so that Ctrl-C in a terminal reaches only the parent; no blocked or ignored
/// signals; stdin from /dev/null; `standardOutput` and `standardError` as 1 and 2; and no other open descriptor.
/// Returns 0 and sets `child`, or returns the errno of what failed, exec included.
int seawall_spawn(
    const char *path, char *const arguments[], char *const environment[], int standardOutput, int standardError,
    pid_t *child);

/// A descriptor that becomes readable when the process ends; -1 with errno set on failure.
int seawall_pidfd_open(pid_t process);

/// Sends a signal to the very process of a descriptor from `seawall_pidfd_open`; -1 with errno set on failure.
int seawall_pidfd_send_signal(int pidfd, int signal);
