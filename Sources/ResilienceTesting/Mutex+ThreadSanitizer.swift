// SPDX-License-Identifier: Apache-2.0

#if THREAD_SANITIZER
    package import Resilience

    /// The mutex that Thread Sanitizer knows, in the place of the standard library's.
    typealias Mutex<Value> = Resilience.Mutex<Value>
#endif
