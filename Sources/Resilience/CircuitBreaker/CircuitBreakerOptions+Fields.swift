// SPDX-License-Identifier: Apache-2.0

extension CircuitBreakerOptions: PolicyOptions {
    static var blank: CircuitBreakerOptions { CircuitBreakerOptions() }
    static var modes: [PolicyMode] { PolicyMode.allCases }

    static var fields: [ConfigurationField<CircuitBreakerOptions>] {
        [
            .scalar(
                "window", expects: "a duration from 10ms to 1h, or a number of calls from 1 to 100000", \.window,
                write: Window.write, parse: Window.parse),
            .ratio("failure-rate", \.failureRate, in: 0.0001...1),
            .optionalGroup(
                "slow-call", \.slowCall, initial: SlowCall(duration: .seconds(1)), shorthand: "duration",
                [
                    .duration("duration", \.duration, in: .milliseconds(1) ... .seconds(3600)),
                    .ratio("rate", \.rate, in: 0.0001...1),
                ]),
            .ratio("bad-rate", \.badRate, in: 0.0001...1),
            .integer("consecutive-failures", \.consecutiveFailures, in: 1...1_000_000),
            .integer("minimum-calls", \.minimumCalls, in: 1...1_000_000),
            .group(
                "open", \.open, shorthand: "base",
                [
                    .duration("base", \.base, in: .milliseconds(1) ... .seconds(3600)),
                    .duration("cap", \.cap, in: .milliseconds(1) ... .seconds(86_400)),
                    .number("multiplier", \.multiplier, in: 1...10),
                    .ratio("jitter", \.jitter),
                ]),
            .group(
                "half-open", \.halfOpen, shorthand: "probes",
                [
                    .integer("probes", \.probes, in: 1...1000),
                    .duration("max-duration", \.maximumDuration, in: .milliseconds(1) ... .seconds(3600)),
                ]),
            .optionalGroup(
                "ramp-up", \.rampUp, initial: RampUp(), shorthand: "duration",
                [
                    .duration("duration", \.duration, in: .milliseconds(10) ... .seconds(3600)),
                    .ratio("share", \.share, in: 0.001...1),
                    .integer("steps", \.steps, in: 1...20),
                ]),
        ]
    }

    func contradictions() -> [(key: String, message: String)] {
        var found: [(key: String, message: String)] = []
        if failureRate == nil, slowCall == nil, consecutiveFailures == nil {
            found.append(
                ("failure-rate", "nothing can open the breaker: set failure-rate, slow-call or consecutive-failures"))
        }
        if badRate != nil, slowCall == nil {
            found.append(("bad-rate", "needs slow-call, which says what slow means"))
        }
        if let cap = open.cap, cap < open.base {
            found.append(
                ("open", "cap \(ConfigurationText.format(cap)) is below base \(ConfigurationText.format(open.base))"))
        }
        return found
    }
}

extension CircuitBreakerOptions.Window {
    fileprivate static func write(_ window: Self) -> ConfigurationValue? {
        switch window {
        case .time(let duration): .string(ConfigurationText.format(duration))
        case .count(let calls): .int(calls)
        }
    }

    fileprivate static func parse(_ value: ConfigurationValue) -> Self? {
        switch value {
        case .int(let calls) where (1...100_000).contains(calls): return .count(calls)
        case .string(let text):
            guard let duration = ConfigurationText.duration(text),
                (.milliseconds(10) ... .seconds(3600)).contains(duration)
            else { return nil }
            return .time(duration)
        default: return nil
        }
    }
}
