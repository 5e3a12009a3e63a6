// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A thread that runs a closure once. It must be joined or detached.
struct EngineThread {
    private final class Body {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }

    private let thread: pthread_t

    /// - Throws: when the kernel has no thread left; the closure is not called then.
    static func start(_ work: @escaping @Sendable () -> Void) throws(LoadEngineError) -> EngineThread {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(work))
        let code = pthread_create(
            &thread, nil,
            { argument in
                // Balances the retain above: the thread takes the body over. pthread_create passes on what it was given.
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().work()
                return nil
            }, body.toOpaque())
        if code != 0 {
            body.release()
            throw LoadEngineError(.resources, "can't start a thread for the load: \(errorText(code))")
        }
        return EngineThread(thread: thread)
    }

    func detach() { pthread_detach(thread) }
    func join() { pthread_join(thread, nil) }
}
