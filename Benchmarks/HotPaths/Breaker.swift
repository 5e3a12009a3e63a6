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
            HotPath("breaker-closed-run") { count in try run(closed, count) },
            HotPath("breaker-closed-shared-by-two") { count in
                // Both threads make `count` calls, so that the time is what each of the two callers sees.
                DispatchQueue.concurrentPerform(iterations: 2) { _ in try? admit(shared, count) }
            },
            HotPath("breaker-closed-run-shared-by-two") { count in
                DispatchQueue.concurrentPerform(iterations: 2) { _ in try? run(shared, count) }
            },
            HotPath("breaker-disabled") { count in try admit(disabled, count) },
            HotPath("breaker-open") { count in try refuse(open, count) },
            HotPath("breaker-open-run") { count in
                var refused = 0
                for number in 0..<count {
                    do throws(ResilienceError<Never>) {
                        refused -= try open.run { () throws(Never) in number }
                    } catch {
                        refused += 1
                    }
                }
                if refused != count { throw UnexpectedResult("an open breaker let calls pass") }
            },
            HotPath("breaker-forced-open") { count in try refuse(forced, count) },
        ]
    }

    private static func admit(_ breaker: CircuitBreaker, _ count: Int) throws {
        for _ in 0..<count { try breaker.acquire().succeed() }
    }

    private static func run(_ breaker: CircuitBreaker, _ count: Int) throws {
        var sum = 0
        for number in 0..<count { sum &+= try breaker.run { () throws(Never) in number } }
        consume(sum)
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
