// SPDX-License-Identifier: Apache-2.0

#if THREAD_SANITIZER
    internal import Glibc

    /// The standard library's `Mutex` for builds under Thread Sanitizer.
    ///
    /// On Linux `Synchronization.Mutex` waits in a library that is not instrumented, so that the sanitizer misses that
    /// one critical section happens before the next and reports races that aren't there. It knows pthread's mutexes.
    /// The type shadows the imported one in this module (and, by a type alias, in ResilienceTesting): `swift test --sanitize=thread -Xswiftc -DTHREAD_SANITIZER`.
    ///
    /// `@unchecked Sendable`: the value is only touched while the pthread mutex is held, and freed by the only owner.
    package struct Mutex<Value>: ~Copyable, @unchecked Sendable {
        private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

        package init(_ initial: sending Value) {
            lock.initialize(to: pthread_mutex_t())
            pthread_mutex_init(lock, nil)
            value.initialize(to: initial)
        }

        deinit {
            pthread_mutex_destroy(lock)
            lock.deallocate()
            value.deinitialize(count: 1)
            value.deallocate()
        }

        package func withLock<Result, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return try body(&value.pointee)
        }
    }
#endif
