// SPDX-License-Identifier: Apache-2.0

internal import Metrics
public import Synchronization

/// Leaves out the endpoints of a callee that fail while the others don't.
///
/// It stands beside a load balancer, not in a pipeline: the balancer picks from `available`, makes the call with a
/// ticket from `begin`, and gives the result to `end`. However many endpoints fail, at most `maximumShare` of them
/// are left out and one is always kept: with nobody to call, the ejection would be the outage. All methods may be
/// called from any thread; none waits.
public final class OutlierEjection<Endpoint: Hashable & Sendable>: Sendable {
    /// A call to an endpoint, until its result is known.
    public struct Call: Sendable {
        /// Where the call goes.
        public let endpoint: Endpoint
        /// Nil when the result is nobody's business: the policy is disabled, or the endpoint is not in the list.
        @usableFromInline let ticket: EndpointTicket?

        @inlinable
        init(endpoint: Endpoint, ticket: EndpointTicket?) {
            self.endpoint = endpoint
            self.ticket = ticket
        }
    }

    private struct Core {
        var machine: StateMachine
        var setting: PolicySetting<OutlierEjectionOptions>

        var mode: PolicyMode { setting.mode }
    }

    private let core: Mutex<Core>
    @usableFromInline let active: Atomic<Bool>
    private let listener: PolicyListener<OutlierEjectionEvent<Endpoint>>
    private let name: String?
    private let time: TimeSource

    /// An ejection over a list of endpoints that are all called.
    ///
    /// - Parameters:
    ///   - name: The name under which metrics are exported; nil exports none.
    ///   - onEvent: Called outside of every lock, on the caller's thread; has to be quick.
    /// - Throws: Everything that is wrong with the options.
    public convenience init(
        _ endpoints: [Endpoint], options: OutlierEjectionOptions = OutlierEjectionOptions(),
        mode: PolicyMode = .enforced,
        name: String? = nil, time: TimeSource = .system,
        onEvent: (@Sendable (OutlierEjectionEvent<Endpoint>) -> Void)? = nil
    ) throws(ConfigurationFaults) {
        self.init(
            endpoints, setting: try .checked(options, mode), name: name, time: time,
            listener: PolicyListener(onEvent))
    }

    /// An ejection with settings that were checked already.
    init(
        _ endpoints: [Endpoint], setting: PolicySetting<OutlierEjectionOptions>, name: String?, time: TimeSource,
        listener: PolicyListener<OutlierEjectionEvent<Endpoint>>
    ) {
        var machine = StateMachine(options: setting.options ?? .blank)
        machine.update(endpoints, at: time.now().nanoseconds)
        core = Mutex(Core(machine: machine, setting: setting))
        active = Atomic(setting.mode != .disabled)
        self.name = name
        self.listener = listener
        self.time = time
    }

    /// Replaces the list of endpoints. Those that stay keep their record.
    public func update(_ endpoints: [Endpoint]) {
        let now = time.now().nanoseconds
        let events = core.withLock { core in
            let gone = core.machine.update(endpoints, at: now)
            return gone + core.machine.advance(to: now)
        }
        events.forEach(report)
    }

    /// The endpoints to pick from, in the order of the list; only empty when the list is.
    public var available: [Endpoint] {
        let now = time.now().nanoseconds
        let (endpoints, events) = core.withLock { core in
            let events = core.machine.advance(to: now)
            return (core.machine.available, events)
        }
        events.forEach(report)
        return endpoints
    }

    /// The endpoints that are left out now, in the order of the list.
    public var ejected: [Endpoint] {
        let now = time.now().nanoseconds
        let (endpoints, events) = core.withLock { core in
            let events = core.machine.advance(to: now)
            return (core.machine.ejected, events)
        }
        events.forEach(report)
        return endpoints
    }

    /// A call to the endpoint begins.
    @inlinable
    public func begin(_ endpoint: Endpoint) -> Call {
        Call(endpoint: endpoint, ticket: active.load(ordering: .relaxed) ? ticket(for: endpoint) : nil)
    }

    /// The call has ended. A call that nobody ends changes nothing.
    @inlinable
    public func end(_ call: Call, _ verdict: Verdict) {
        if let ticket = call.ticket { record(ticket, verdict) }
    }

    // Specialized for what endpoints usually are: a caller in another module can't do it by itself, and generic code asks
    // the runtime about the endpoint's type at every step.

    @specialized(where Endpoint == String)
    @specialized(where Endpoint == Int)
    @usableFromInline
    func ticket(for endpoint: Endpoint) -> EndpointTicket? {
        core.withLock { $0.machine.ticket(for: endpoint) }
    }

    @specialized(where Endpoint == String)
    @specialized(where Endpoint == Int)
    @usableFromInline
    func record(_ ticket: EndpointTicket, _ verdict: Verdict) {
        let now = time.now().nanoseconds
        let event = core.withLock { core in
            core.mode == .disabled ? nil : core.machine.record(ticket, verdict, at: now, shadow: core.mode == .shadow)
        }
        if let event { report(event) }
    }

    /// Calls an endpoint again before its time, because a health check found it well.
    public func restore(_ endpoint: Endpoint) {
        let now = time.now().nanoseconds
        let event = core.withLock { $0.machine.restore(wellFound: endpoint, at: now) }
        if let event { report(event) }
    }

    /// Takes new settings; records stay. Outside of `enforced` all endpoints are called again at once.
    ///
    /// - Throws: Everything that is wrong with them; then nothing has changed.
    public func configure(_ options: OutlierEjectionOptions, mode: PolicyMode = .enforced) throws(ConfigurationFaults) {
        apply(try PolicySetting<OutlierEjectionOptions>.checked(options, mode))
    }

    /// Takes an edit in the form of configuration files: a mode, or a mapping.
    ///
    /// - Throws: Everything that is wrong with it; then nothing has changed.
    public func configure(_ edit: ConfigurationValue) throws(ConfigurationFaults) {
        apply(try setting.edited(by: edit))
    }

    /// Takes settings that were checked already.
    func apply(_ setting: PolicySetting<OutlierEjectionOptions>) {
        let now = time.now().nanoseconds
        let events = core.withLock { core in
            if let options = setting.options { core.machine.configure(options) }
            let isOtherMode = setting.mode != core.setting.mode
            core.setting = setting
            // Whom shadow mode would have left out is not left out by the mode that acts, either.
            return isOtherMode ? core.machine.restoreAll(at: now) : core.machine.advance(to: now)
        }
        active.store(setting.mode != .disabled, ordering: .relaxed)
        events.forEach(report)
    }

    /// Mode and options now.
    public var setting: PolicySetting<OutlierEjectionOptions> {
        core.withLock { $0.setting }
    }

    private func report(_ event: OutlierEjectionEvent<Endpoint>) {
        switch event {
        case .ejected(let endpoint, _, _, shadow: false): gauge(endpoint, 1)
        case .returned(let endpoint): gauge(endpoint, 0)
        case .ejected, .spared: break
        }
        listener.report(event)
    }

    /// Ejections are rare enough to look the handle up.
    private func gauge(_ endpoint: Endpoint, _ value: Int) {
        guard let name else { return }
        let dimensions = MetricLabels(name: name).of(.outlierEjection, ("endpoint", "\(endpoint)"))
        Gauge(label: "resilience_outlier_ejected", dimensions: dimensions).record(value)
    }
}
