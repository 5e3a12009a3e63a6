// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Resilience

extension HotPath {
    /// The breaker used by itself: what a call pays before and after its work.
    package static func breaker() throws -> [HotPath] {
        let closed = try CircuitBreaker()
        let shared = try CircuitBreaker()
        let disabled = try CircuitBreaker(mode: .disabled)
        let forced = try CircuitBreaker(mode: .forcedOpen)
        let open = try CircuitBreaker(CircuitBreakerOptions(minimumCalls: 1, open: .init(base: .seconds(3600))))
        try open.acquire().fail()
        return [
            HotPath("clock-reading") { count in
                var last: Int64 = 0
                for _ in 0..<count { last = TimeSource.system.now().nanoseconds }
                consume(Int(last))
            },
            HotPath("breaker-closed") { count in try admit(closed, count) },
            HotPath("breaker-closed-shared-by-two") { count in
                // Both threads make `count` calls, so that the time is what each of the two callers sees.
                DispatchQueue.concurrentPerform(iterations: 2) { _ in try? admit(shared, count) }
            },
            HotPath("breaker-disabled") { count in try admit(disabled, count) },
            HotPath("breaker-open") { count in try refuse(open, count) },
            HotPath("breaker-forced-open") { count in try refuse(forced, count) },
        ]
    }

    private static func admit(_ breaker: CircuitBreaker, _ count: Int) throws {
        for _ in 0..<count { try breaker.acquire().succeed() }
    }

    private static func refuse(_ breaker: CircuitBreaker, _ count: Int) throws {
        var refused = 0
        for _ in 0..<count {
            do throws(Rejection) {
                let permit = try breaker.acquire()
                permit.ignore()
            } catch {
                refused += 1
            }
        }
        if refused != count { throw UnexpectedResult("\(count - refused) of \(count) calls passed an open breaker") }
    }
}
