// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "spawn_child.h"

/// CLOCK_MONOTONIC in nanoseconds.
static inline uint64_t seawall_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// epoll_wait with a timeout in nanoseconds, in C because Swift does not import the variadic and the feature-test parts.
/// Kernels before 5.11 don't have epoll_pwait2: there the timeout is rounded down to whole milliseconds.
int seawall_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t timeout_nanoseconds);

/// Whether `length` bytes hold the wanted ones. In C because memmem is a GNU extension, which Swift does not import.
int seawall_contains(const void *bytes, size_t length, const void *wanted, size_t wanted_length);

/// Lets the kernel end this thread's sleeps without the usual 50 µs of slack.
void seawall_set_minimal_timer_slack(void);

/// Names the calling thread (at most 15 bytes) for ps, top and perf.
void seawall_name_thread(const char *name);

/// A descriptor of a new file in `folder` that nobody else can open and that is gone when it is closed; -1 with errno set on
/// failure. Not every file system has O_TMPFILE: on others the file has a name for an instant.
int seawall_open_nameless(const char *folder);
