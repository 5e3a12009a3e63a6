// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Leaves out the endpoints of a callee that fail while the others don't.
///
/// It stands beside a load balancer, not in a pipeline: the balancer picks from `available`, makes the call with a
/// ticket from `begin`, and gives the result to `end`. However many endpoints fail, at most `maximumShare` of them
/// are left out and one is always kept: with nobody to call, the ejection would be the outage. All methods may be
/// called from any thread; none waits.
public final class OutlierEjection<Endpoint: Hashable & Sendable>: Sendable {
    /// A call to an endpoint, until its result is known.
    public struct Call: Sendable {
        public let endpoint: Endpoint
        /// Nil when the result is nobody's business: the policy is disabled, or the endpoint is not in the list.
        fileprivate let ticket: Ticket?
    }

    private struct Core {
        var machine: StateMachine
        var mode: PolicyMode
    }

    private let core: Mutex<Core>
    private let listener: PolicyListener<OutlierEjectionEvent<Endpoint>>
    private let time: TimeSource

    /// An ejection over a list of endpoints that are all called.
    ///
    /// - Throws: Everything that is wrong with the options.
    public init(
        _ endpoints: [Endpoint], options: OutlierEjectionOptions = OutlierEjectionOptions(),
        mode: PolicyMode = .enforced,
        time: TimeSource = .system, onEvent: (@Sendable (OutlierEjectionEvent<Endpoint>) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        try PolicySetting(mode: mode, options: options).requireSound()
        var machine = StateMachine(options: options)
        machine.update(endpoints, at: time.now().nanoseconds)
        core = Mutex(Core(machine: machine, mode: mode))
        listener = PolicyListener(onEvent)
        self.time = time
    }

    /// Replaces the list of endpoints. Those that stay keep their record.
    public func update(_ endpoints: [Endpoint]) {
        let now = time.now().nanoseconds
        let events = core.withLock { core in
            core.machine.update(endpoints, at: now)
            return core.machine.advance(to: now)
        }
        events.forEach(listener.report)
    }

    /// The endpoints to pick from, in the order of the list; only empty when the list is.
    public var available: [Endpoint] {
        let now = time.now().nanoseconds
        let (endpoints, events) = core.withLock { core in
            let events = core.machine.advance(to: now)
            return (core.machine.available, events)
        }
        events.forEach(listener.report)
        return endpoints
    }

    /// A call to the endpoint begins.
    public func begin(_ endpoint: Endpoint) -> Call {
        core.withLock { core in
            Call(endpoint: endpoint, ticket: core.mode == .disabled ? nil : core.machine.ticket(for: endpoint))
        }
    }

    /// The call has ended. A call that nobody ends changes nothing.
    public func end(_ call: Call, _ verdict: Verdict) {
        guard let ticket = call.ticket else { return }
        let now = time.now().nanoseconds
        let event = core.withLock { core in
            core.mode == .disabled ? nil : core.machine.record(ticket, verdict, at: now, shadow: core.mode == .shadow)
        }
        if let event { listener.report(event) }
    }

    /// Calls an endpoint again before its time, because a health check found it well.
    public func restore(_ endpoint: Endpoint) {
        let now = time.now().nanoseconds
        let event = core.withLock { $0.machine.restore(wellFound: endpoint, at: now) }
        if let event { listener.report(event) }
    }

    /// Takes new settings; records stay. Outside of `enforced` all endpoints are called again at once.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: OutlierEjectionOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        try PolicySetting(mode: mode, options: options).requireSound()
        let now = time.now().nanoseconds
        let events = core.withLock { core in
            core.machine.configure(options)
            core.mode = mode
            return mode == .enforced ? core.machine.advance(to: now) : core.machine.restoreAll(at: now)
        }
        events.forEach(listener.report)
    }
}
