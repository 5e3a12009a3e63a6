// SPDX-License-Identifier: Apache-2.0

/// A fault and the time in which it is active.
package struct Fault: Sendable, Codable, Equatable {
    /// Where it acts.
    package enum Location: Sendable, Codable, Hashable {
        /// Between a caller and a callee: the TCP proxy of that edge. The caller `load` is the load generator.
        case edge(from: String, to: String)
        /// Inside a service, for every request or for those of one route.
        case service(String)
    }

    /// What it does. Kinds that make no sense at a location are refused when a script is validated.
    package enum Kind: Sendable, Codable, Equatable {
        /// Delays what passes by mean ± jitter (uniform).
        case latency(mean: Duration, jitter: Duration)
        /// Accepts and never answers. Inside a service: a request hangs until the fault ends.
        case blackhole
        /// Refuses new connections and closes open ones.
        case down
        /// Resets connections.
        case reset
        /// Inside a service: answers this share of the requests (0…1) with this status.
        case error(status: Int, rate: Double)
        /// The process is stopped (SIGSTOP), and continued at the end.
        case pause
        /// The process is killed (SIGKILL), and started again at the end.
        case kill
        /// A virtual station serves nothing, and goes on with the work that is left at the end.
        case freeze
        /// Service at a virtual station takes this many times as long, above 1.
        case slow(factor: Double)
    }

    package var location: Location
    package var kind: Kind
    /// Which requests a fault inside a service concerns; nothing at other locations.
    package var route: RoutePattern
    /// After the start of the load.
    package var start: Duration
    package var duration: Duration

    package init(
        location: Location, kind: Kind, route: RoutePattern = .all, start: Duration, duration: Duration
    ) {
        self.location = location
        self.kind = kind
        self.route = route
        self.start = start
        self.duration = duration
    }
}

extension Fault {
    /// The fault as the service's admin port takes it, or nil when it acts elsewhere.
    package var serviceFault: ServiceFault? {
        guard case .service = location else { return nil }
        switch kind {
        case .latency(let mean, let jitter):
            return ServiceFault(route: route, kind: .latency(mean: mean, jitter: jitter))
        case .error(let status, let rate):
            return ServiceFault(route: route, kind: .error(status: status), rate: rate)
        case .blackhole:
            return ServiceFault(route: route, kind: .hang)
        case .down, .reset, .pause, .kill, .freeze, .slow:
            return nil
        }
    }
}
