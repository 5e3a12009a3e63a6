// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Resilience

@Suite("The pauses of work that is tried until it succeeds")
struct BackoffPausesTests {
    @Test("grow to the cap, and begin anew after a success")
    func growth() {
        var pauses = BackoffPauses(
            .init(base: .milliseconds(10), cap: .milliseconds(50), multiplier: 2, jitter: .none), seed: 1)
        #expect((0..<5).map { _ in pauses.next() } == [10, 20, 40, 50, 50].map { .milliseconds($0) })
        pauses.reset()
        #expect(pauses.next() == .milliseconds(10))
    }

    @Test("are spread as the jitter says", arguments: RetryOptions.Backoff.Jitter.allCases, [1, 2, 3] as [UInt64])
    func spread(jitter: RetryOptions.Backoff.Jitter, seed: UInt64) {
        let backoff = RetryOptions.Backoff(base: .milliseconds(10), cap: .seconds(1), jitter: jitter)
        var (first, again) = (BackoffPauses(backoff, seed: seed), BackoffPauses(backoff, seed: seed))
        for failure in 0..<2000 {
            let pause = first.next()
            #expect(pause == again.next())
            let whole = min(Duration.milliseconds(10 << min(failure, 10)), .seconds(1))
            let range: ClosedRange<Duration> =
                switch jitter {
                case .none: whole...whole
                case .full: .zero...whole
                case .equal: whole / 2...whole
                case .decorrelated: .milliseconds(10) ... .seconds(1)
                }
            #expect(range.contains(pause), "seed \(seed), failure \(failure)")
        }
    }

    @Test("never trap, whatever they are made from")
    func nonsense() {
        for multiplier in [-1, 0, .nan, .infinity, 1e300] {
            for base in [Duration.seconds(-5), .zero, .seconds(Int64.max)] {
                var pauses = BackoffPauses(.init(base: base, cap: .seconds(Int64.max), multiplier: multiplier))
                for _ in 0..<5 { #expect(pauses.next() >= .zero) }
            }
        }
    }

    @Test("do not shrink, whatever the multiplier is: nobody is asked again and again without a pause")
    func noShrinking() {
        for multiplier in [-1, 0, 0.5, .nan] {
            var pauses = BackoffPauses(
                .init(base: .milliseconds(10), cap: .seconds(1), multiplier: multiplier, jitter: .none), seed: 1)
            for _ in 0..<5 { #expect(pauses.next() == .milliseconds(10), "\(multiplier)") }
        }
    }
}
