// SPDX-License-Identifier: Apache-2.0

extension CircuitBreaker {
    /// The share of the calls that pass while a breaker comes back step by step.
    ///
    /// Calls are picked by carrying the remainder from one to the next (as Bresenham's lines do): of any n calls in a
    /// row the share passes, rounded to a whole call, without randomness. The first call of a step passes.
    struct Ramp: Sendable {
        /// One call, in the unit of shares.
        private static let whole: UInt64 = 1 << 32

        private(set) var step = 0
        private var share = Ramp.whole
        private var carried: UInt64 = 0
        private(set) var end: Int64 = 0
        /// The calls that this step has let through since it last heard a result, and when the first of them came.
        private(set) var unheard = 0
        private(set) var unheardSince: Int64 = 0

        /// The share in 0 ... 1.
        var part: Double {
            Double(share) / Double(Self.whole)
        }

        /// A step begins.
        mutating func begin(step: Int, of limits: RampLimits, at now: Int64) {
            self.step = step
            share = max(1, UInt64(limits.share(of: step) * Double(Self.whole)))
            carried = Self.whole - share
            end = now.addingSaturated(limits.stepNanoseconds)
            unheard = 0
        }

        /// Whether the next call passes.
        mutating func admits(at now: Int64) -> Bool {
            carried += share
            if carried < Self.whole { return false }
            carried -= Self.whole
            if unheard == 0 { unheardSince = now }
            unheard += 1
            return true
        }

        /// A result came that says something.
        mutating func hear() {
            unheard = 0
        }
    }

    /// The options of a ramp in the units of the state machine.
    struct RampLimits: Sendable {
        let first: Double
        let steps: Int
        let stepNanoseconds: Int64

        init(_ options: CircuitBreakerOptions.RampUp) {
            first = options.share
            steps = options.steps
            stepNanoseconds = max(1, options.duration.nanosecondsSaturated / Int64(max(1, options.steps)))
        }

        /// The share that passes in a step, from 0: each is the same multiple of the one before, and the one after the
        /// last would be everything. `first^(1 − step / steps)`.
        func share(of step: Int) -> Double {
            // Repeated multiplication instead of a power: there is no Foundation here, and steps are few.
            Self.root(first, steps).power(steps - step)
        }

        /// The n-th root of a number in 0 ... 1, by bisection.
        private static func root(_ number: Double, _ degree: Int) -> Double {
            var (low, high) = (0.0, 1.0)
            for _ in 0..<60 {
                let middle = (low + high) / 2
                if middle.power(degree) < number { low = middle } else { high = middle }
            }
            return high
        }
    }
}

extension Double {
    fileprivate func power(_ exponent: Int) -> Double {
        (0..<max(0, exponent)).reduce(1) { product, _ in product * self }
    }
}
