// SPDX-License-Identifier: Apache-2.0

/// How an adaptive limit finds out how many calls may be under way.
public struct AdaptiveLimitOptions: Sendable, Equatable {
    /// The rule that moves the limit.
    public enum Algorithm: String, Sendable, Hashable, Codable, CaseIterable {
        /// `AIMDLimit`: up by one, down by a tenth; needs `maximumHealthy` or calls that are dropped.
        case aimd
        /// `VegasLimit`: keeps a short queue, with probes for the baseline.
        case vegas
        /// `Gradient2Limit`: compares with the long-term average.
        case gradient2
    }

    /// How the round trip of an idle callee is measured: for a moment only few calls are let through.
    public struct Probe: Sendable, Equatable {
        /// The time from one probe to the next, spread by up to 15 %. 1 s … 1 h.
        public var interval: Duration
        /// The calls under way during a probe. 1 … 1000. Neither raises the limit nor bounds it below.
        public var limit: Int
        /// The calls whose median becomes the baseline. 1 … 1000.
        public var samples: Int
        /// The longest time for them; then those that came count. 1 ms … 1 m.
        public var maximumDuration: Duration

        /// A probe every `interval` with so low a `limit`, until it has enough samples or has lasted long enough.
        public init(
            interval: Duration = .seconds(60), limit: Int = 3, samples: Int = 20,
            maximumDuration: Duration = .seconds(1)
        ) {
            self.interval = interval
            self.limit = limit
            self.samples = samples
            self.maximumDuration = maximumDuration
        }
    }

    /// How the limit follows the measured times.
    public var algorithm: Algorithm
    /// Where the limit starts. `minimum` … `maximum`.
    public var initial: Int
    /// The least limit. 1 … 100,000.
    public var minimum: Int
    /// The greatest limit. 1 … 100,000.
    public var maximum: Int
    /// The least time between two changes of the limit. 1 ms … 1 m.
    public var window: Duration
    /// The least number of calls between two changes of the limit. 1 … 100,000.
    public var minimumCalls: Int
    /// A round trip above this is an overload, however long it has been usual. 1 ms … 1 h; nil: no such guard.
    public var maximumHealthy: Duration?
    /// Probes for the baseline; nil: none. Only Vegas makes any.
    public var probe: Probe?
    /// The calls that may wait for a slot. 0 … 100,000.
    public var queue: Int
    /// How long a call may wait. 0 … 1 h. The call's deadline may make it shorter.
    public var maximumWait: Duration
    /// The parts of the limit that are guaranteed to calls by the name of their `CallShare`, even while others have taken
    /// the whole of it: each 0.001 … 1, all of them together at most 1. At most 64; none by default.
    public var shares: [String: Double]

    /// The defaults: Gradient2, 20 calls to begin with, 1 … 200, moved at most four times a second, no queue.
    public init(
        algorithm: Algorithm = .gradient2, initial: Int = 20, minimum: Int = 1, maximum: Int = 200,
        window: Duration = .milliseconds(250), minimumCalls: Int = 10, maximumHealthy: Duration? = nil,
        probe: Probe? = Probe(), queue: Int = 0, maximumWait: Duration = .seconds(1), shares: [String: Double] = [:]
    ) {
        self.algorithm = algorithm
        self.initial = initial
        self.minimum = minimum
        self.maximum = maximum
        self.window = window
        self.minimumCalls = minimumCalls
        self.maximumHealthy = maximumHealthy
        self.probe = probe
        self.queue = queue
        self.maximumWait = maximumWait
        self.shares = shares
    }

    var bounds: LimitBounds {
        LimitBounds(
            minimum: minimum, maximum: maximum, maximumHealthyNanoseconds: maximumHealthy?.nanosecondsSaturated ?? .max)
    }

    /// The rule in its first state.
    ///
    /// - Parameter start: Where it starts, when that is not `initial`.
    func makeAlgorithm(startingAt start: Int? = nil) -> any LimitAlgorithm {
        switch algorithm {
        case .aimd: AIMDLimit(initial: start ?? initial, bounds: bounds)
        case .vegas: VegasLimit(initial: start ?? initial, bounds: bounds)
        case .gradient2: Gradient2Limit(initial: start ?? initial, bounds: bounds)
        }
    }
}

extension AdaptiveLimitOptions: PolicyOptions {
    static var blank: AdaptiveLimitOptions { AdaptiveLimitOptions() }
    static var isOptIn: Bool { true }
    static var shorthand: String? { "algorithm" }

    static var fields: [ConfigurationField<AdaptiveLimitOptions>] {
        [
            .word("algorithm", \.algorithm),
            .integer("initial", \.initial, in: 1...100_000),
            .integer("min", \.minimum, in: 1...100_000),
            .integer("max", \.maximum, in: 1...100_000),
            .duration("window", \.window, in: .milliseconds(1) ... .seconds(60)),
            .integer("minimum-calls", \.minimumCalls, in: 1...100_000),
            .duration("max-healthy", \.maximumHealthy, in: .milliseconds(1) ... .seconds(3600)),
            .optionalGroup(
                "probe", \.probe, initial: Probe(), shorthand: "interval",
                [
                    .duration("interval", \.interval, in: .seconds(1) ... .seconds(3600)),
                    .integer("limit", \.limit, in: 1...1000),
                    .integer("samples", \.samples, in: 1...1000),
                    .duration("max-duration", \.maximumDuration, in: .milliseconds(1) ... .seconds(60)),
                ]),
            .integer("queue", \.queue, in: 0...100_000),
            .duration("max-wait", \.maximumWait, in: .zero ... .seconds(3600)),
            .shares("shares", \.shares),
        ]
    }

    func contradictions() -> [(key: String, message: String)] {
        var found: [(key: String, message: String)] = []
        if minimum > maximum { found.append(("min", "\(minimum) is above max \(maximum)")) }
        if initial < minimum { found.append(("initial", "\(initial) is below min \(minimum)")) }
        if initial > maximum { found.append(("initial", "\(initial) is above max \(maximum)")) }
        let sum = shares.values.reduce(0, +)
        // 0.7 + 0.2 + 0.1 is a little more than 1.
        if sum > 1 + 1e-9 {
            found.append(("shares", "guarantee \(ConfigurationText.format(ratio: sum)), more than the whole"))
        }
        if shares.count > 64 { found.append(("shares", "\(shares.count) are more than 64")) }
        return found
    }
}

extension ConfigurationField {
    /// A mapping from names to ratios. An edit changes the names that it has and leaves the others; `off` takes one out,
    /// or all of them.
    fileprivate static func shares(_ key: String, _ path: WritableKeyPath<Options, [String: Double]>) -> Self {
        ConfigurationField(key: key) { value, options, place, faults in
            guard case .map(let map) = value else {
                if value.isOff { return options[keyPath: path] = [:] }
                faults.append(
                    ConfigurationFault(
                        path: place,
                        message: "expected a mapping from names to ratios, or off, not \(value.kindName)"))
                return
            }
            for entry in map.entries {
                if entry.value.isOff {
                    options[keyPath: path][entry.key] = nil
                } else if let ratio = entry.value.ratio, ratio >= 0.001, ratio <= 1 {
                    options[keyPath: path][entry.key] = ratio
                } else {
                    faults.append(
                        ConfigurationFault(
                            path: place + [entry.key],
                            message: "expected a ratio from 0.1% to 100%, written 0.1 or 10%, or off, not "
                                + entry.value.kindName))
                }
            }
        } write: {
            Self.map($0[keyPath: path]) { .string(ConfigurationText.format(ratio: $0)) }
        } exact: {
            Self.map($0[keyPath: path]) { .double($0) }
        }
    }

    private static func map(
        _ shares: [String: Double], _ value: (Double) -> ConfigurationValue
    ) -> ConfigurationValue? {
        if shares.isEmpty { return nil }
        return .map(ConfigurationMap(shares.sorted { $0.key < $1.key }.map { .init($0.key, value($0.value)) }))
    }
}

extension ConfigurationValue {
    /// `off` as a word; YAML 1.1 readers make `false` of it.
    fileprivate var isOff: Bool {
        self == .string("off") || self == .bool(false)
    }

    fileprivate var ratio: Double? {
        switch self {
        case .string(let text): ConfigurationText.ratio(text)
        case .int(let whole): Double(whole)
        case .double(let value): value
        default: nil
        }
    }
}
