// SPDX-License-Identifier: Apache-2.0

#ifndef C_ALLOCATIONS_H
#define C_ALLOCATIONS_H

#include <stdint.h>

/// Heap allocations of this process so far, of all its threads. A reallocation is one.
///
/// An executable that calls it has the allocator in `CAllocations.c` before that of the C library.
uint64_t allocations_so_far(void);

#endif
