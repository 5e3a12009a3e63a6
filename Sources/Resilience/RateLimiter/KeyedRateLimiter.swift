// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A rate limit for each key: a tenant, a user, an address.
///
/// Holds a bounded number of keys. A key whose burst is full again says nothing that a new one wouldn't, so that
/// forgetting it changes nothing; only when there is no such key, the one of a sample that has used least is
/// forgotten. A flood of made-up keys therefore can't wash out those that use much. Nobody waits: a call is admitted
/// or refused. All methods may be called from any thread.
public final class KeyedRateLimiter<Key: Hashable & Sendable>: Sendable {
    private final class Shard: Sendable {
        let core: Mutex<StateMachine>

        init(_ machine: StateMachine) {
            core = Mutex(machine)
        }
    }

    private let shards: [Shard]
    private let current: Mutex<PolicySetting<RateLimiterOptions>>
    private let mode: Atomic<UInt8>
    private let metrics: PolicyMetrics?
    private let listener: PolicyListener<RateLimiterEvent>
    private let time: TimeSource

    /// A limiter without keys.
    ///
    /// - Parameters:
    ///   - options: The limit of each key. `maximumWait` has to be zero.
    ///   - capacity: The most keys that are kept, 16 … 10,000,000; about 100 bytes each and the key.
    /// - Throws: Everything that is wrong with the options.
    public init(
        _ options: RateLimiterOptions, capacity: Int = 10_000, mode: PolicyMode = .enforced, name: String? = nil,
        time: TimeSource = .system, onEvent: (@Sendable (RateLimiterEvent) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        let allowed = 16...10_000_000
        if !allowed.contains(capacity) {
            let fault = ConfigurationFault(
                path: ["capacity"],
                message: "expected a whole number from \(allowed.lowerBound) to \(allowed.upperBound), not \(capacity)")
            throw ConfigurationFaults([fault])
        }
        let setting = try Self.checked(try .checked(options, mode))
        // Few enough that each has keys to choose from when one has to go.
        let count = capacity >= 1024 ? 16 : 1
        shards = (0..<count).map { _ in Shard(StateMachine(options: options, capacity: capacity / count)) }
        current = Mutex(setting)
        self.mode = Atomic(Self.code(mode))
        metrics = PolicyMetrics("keyed-rate-limiter", name: name, reasons: [.rateLimited])
        listener = PolicyListener(onEvent)
        self.time = time
    }

    private static func code(_ mode: PolicyMode) -> UInt8 {
        mode == .disabled ? 0 : mode == .shadow ? 1 : 2
    }

    private static func checked(
        _ setting: PolicySetting<RateLimiterOptions>
    ) throws(ConfigurationFaults) -> PolicySetting<RateLimiterOptions> {
        guard let wait = setting.options?.maximumWait, wait > .zero else { return setting }
        let fault = ConfigurationFault(
            path: ["max-wait"], message: "a limiter by key does not let calls wait: leave it out")
        throw ConfigurationFaults([fault])
    }

    /// Admits a call of the key now or not at all.
    ///
    /// - Throws: The refusal, with the exact time after which a call of the key is admitted.
    @specialized(where Key == String)
    @specialized(where Key == Int)
    public func acquire(_ key: Key) throws(Rejection) {
        let mode = mode.load(ordering: .relaxed)
        if mode == 0 { return }
        let now = time.now().nanoseconds
        // The upper bits: a dictionary uses the lower ones.
        let shard = shards[Int(truncatingIfNeeded: UInt(bitPattern: key.hashValue) >> 48) % shards.count]
        guard let rejection = shard.core.withLock({ $0.acquire(key, at: now) }) else { return }
        metrics?.rejected(.rateLimited, shadow: mode == 1)
        listener.report(.rejected(.rateLimited, shadow: mode == 1))
        if mode == 2 { throw rejection }
    }

    /// Gives back an admitted call that was not made.
    public func refund(_ key: Key) {
        let shard = shards[Int(truncatingIfNeeded: UInt(bitPattern: key.hashValue) >> 48) % shards.count]
        shard.core.withLock { $0.refund(key) }
    }

    /// Takes new settings for all keys; what they have used stays used.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: RateLimiterOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        take(try Self.checked(try .checked(options, mode)))
    }

    /// Takes an edit in the form of configuration files: a mode, a rate, or a mapping with `rate`, `burst`, `mode`.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        take(try Self.checked(try setting.edited(by: edit)))
    }

    private func take(_ setting: PolicySetting<RateLimiterOptions>) {
        let now = time.now().nanoseconds
        // All under the one lock, so that two changes at once don't leave the shards with different rates.
        current.withLock { current in
            current = setting
            if let options = setting.options {
                for shard in shards { shard.core.withLock { $0.configure(options, at: now) } }
            }
            mode.store(Self.code(setting.mode), ordering: .relaxed)
        }
    }

    /// Mode and options now.
    public var setting: PolicySetting<RateLimiterOptions> {
        current.withLock { $0 }
    }

    /// The number of keys that are kept now.
    public var keyCount: Int {
        shards.reduce(0) { sum, shard in sum + shard.core.withLock { $0.count } }
    }
}
