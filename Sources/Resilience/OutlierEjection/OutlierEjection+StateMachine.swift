// SPDX-License-Identifier: Apache-2.0

/// What is known about one endpoint.
struct EndpointHealth: Sendable {
    private struct Bucket: Sendable {
        var number: Int64 = .min
        var calls: Int32 = 0
        var failed: Int32 = 0
    }

    static let bucketCount: Int64 = 10

    private var buckets = [Bucket](repeating: Bucket(), count: Int(bucketCount))
    var consecutiveFailures = 0
    /// Ejections that are not forgiven yet; each doubles the time of the next.
    var ejections = 0
    /// The end of the ejection; nil while the endpoint is called.
    var ejectedUntil: Int64?
    /// Since when the endpoint has been called without an ejection.
    var healthySince: Int64
    /// Rises with every change, so that results from before it are told apart.
    var generation: UInt32 = 0

    init(at now: Int64) {
        healthySince = now
    }

    mutating func add(failed: Bool, at now: Int64, width: Int64) {
        let number = now / width
        let slot = Int((number % Self.bucketCount + Self.bucketCount) % Self.bucketCount)
        if buckets[slot].number != number { buckets[slot] = Bucket(number: number) }
        buckets[slot].calls += 1
        if failed { buckets[slot].failed += 1 }
    }

    func rate(at now: Int64, width: Int64, minimum: Int) -> Double? {
        let oldest = now / width - Self.bucketCount + 1
        var (calls, failed) = (0, 0)
        for bucket in buckets where bucket.number >= oldest {
            calls += Int(bucket.calls)
            failed += Int(bucket.failed)
        }
        return calls == 0 || calls < minimum ? nil : Double(failed) / Double(calls)
    }

    mutating func forget() {
        buckets = [Bucket](repeating: Bucket(), count: Int(Self.bucketCount))
        consecutiveFailures = 0
    }
}

extension OutlierEjection {
    /// What a call to an endpoint carries until its result is known.
    struct Ticket: Sendable, Equatable {
        var endpoint: Endpoint
        var generation: UInt32
    }

    /// The ejection without lock and clock: a value that is told the time, in nanoseconds.
    ///
    /// endpoint called → ejected when it breaks a rule and not too many are; ejected → called when its time is over,
    /// which is seen when somebody asks. Each change starts a new generation of the endpoint: results of calls made
    /// before it count for nothing.
    struct StateMachine: Sendable {
        typealias Event = OutlierEjectionEvent<Endpoint>

        private(set) var options: OutlierEjectionOptions
        /// In the order in which they were given.
        private(set) var endpoints: [Endpoint] = []
        private var health: [Endpoint: EndpointHealth] = [:]
        private var width: Int64

        init(options: OutlierEjectionOptions) {
            self.options = options
            width = Self.width(options)
        }

        private static func width(_ options: OutlierEjectionOptions) -> Int64 {
            max(1, options.window.nanosecondsSaturated / EndpointHealth.bucketCount)
        }

        /// Replaces the list of endpoints; those that stay keep their record, doubles count once.
        mutating func update(_ new: [Endpoint], at now: Int64) {
            var kept: [Endpoint: EndpointHealth] = [:]
            endpoints = []
            for endpoint in new where kept[endpoint] == nil {
                kept[endpoint] = health[endpoint] ?? EndpointHealth(at: now)
                endpoints.append(endpoint)
            }
            health = kept
        }

        /// Ends the ejections whose time is over.
        mutating func advance(to now: Int64) -> [Event] {
            var events: [Event] = []
            for endpoint in endpoints {
                guard let until = health[endpoint]?.ejectedUntil, now >= until else { continue }
                restore(endpoint, at: now)
                events.append(.returned(endpoint))
            }
            // A list that has shrunk may hold more ejected endpoints than it may: those whose time is over soonest
            // come back.
            while ejectedCount > allowance, let next = soonest() {
                restore(next, at: now)
                events.append(.returned(next))
            }
            return events
        }

        /// The endpoints that are called; never empty unless there are none at all.
        var available: [Endpoint] {
            endpoints.filter { health[$0]?.ejectedUntil == nil }
        }

        func isEjected(_ endpoint: Endpoint) -> Bool {
            health[endpoint]?.ejectedUntil != nil
        }

        /// A call is made to the endpoint; nil when it is not in the list.
        func ticket(for endpoint: Endpoint) -> Ticket? {
            health[endpoint].map { Ticket(endpoint: endpoint, generation: $0.generation) }
        }

        /// Takes a result into account. A refusal for overload counts into the rate, not as a failure in a row.
        mutating func record(_ ticket: Ticket, _ verdict: Verdict, at now: Int64, shadow: Bool = false) -> Event? {
            guard verdict != .ignore, var record = health[ticket.endpoint], record.generation == ticket.generation
            else {
                return nil
            }
            record.add(failed: verdict.isFailure, at: now, width: width)
            switch verdict {
            case .success: record.consecutiveFailures = 0
            case .failure: record.consecutiveFailures += 1
            case .throttled, .ignore: break
            }
            health[ticket.endpoint] = record
            guard record.ejectedUntil == nil, let cause = cause(record, at: now) else { return nil }
            return eject(ticket.endpoint, cause, at: now, shadow: shadow)
        }

        private func cause(_ record: EndpointHealth, at now: Int64) -> OutlierEjectionCause? {
            if let limit = options.consecutiveFailures, record.consecutiveFailures >= limit {
                return .consecutiveFailures
            }
            if let limit = options.failureRate,
                let rate = record.rate(at: now, width: width, minimum: options.minimumCalls), rate >= limit
            {
                return .failureRate
            }
            return nil
        }

        private mutating func eject(
            _ endpoint: Endpoint, _ cause: OutlierEjectionCause, at now: Int64, shadow: Bool
        ) -> Event {
            if ejectedCount >= allowance {
                // Its record starts anew, so that a spared endpoint is not reported for every further failure.
                health[endpoint]?.forget()
                return .spared(endpoint, cause: cause)
            }
            var record = health[endpoint] ?? EndpointHealth(at: now)
            // One ejection is forgiven for each window that the endpoint has been called since the last.
            let windows = now.subtractingSaturated(record.healthySince) / max(1, options.window.nanosecondsSaturated)
            record.ejections = max(0, record.ejections - Int(clamping: windows)) + 1
            let time = duration(ejections: record.ejections)
            record.forget()
            record.generation &+= 1
            if !shadow { record.ejectedUntil = now.addingSaturated(time) }
            record.healthySince = now
            health[endpoint] = record
            return .ejected(endpoint, cause: cause, for: .nanoseconds(time), shadow: shadow)
        }

        /// base · 2^(ejections − 1), at most the cap.
        private func duration(ejections: Int) -> Int64 {
            let cap = options.cap.nanosecondsSaturated
            var time = options.base.nanosecondsSaturated
            // Ends at the cap, long before the time could overflow: both bounds are days.
            for _ in 1..<max(1, min(ejections, 64)) where time < cap { time = min(cap, time * 2) }
            return time
        }

        /// How many may be ejected at once: the share, but one even if that comes to none, and never all.
        private var allowance: Int {
            if options.maximumShare == 0 { return 0 }
            return min(endpoints.count - 1, max(1, Int(options.maximumShare * Double(endpoints.count))))
        }

        private var ejectedCount: Int {
            endpoints.count { isEjected($0) }
        }

        private func soonest() -> Endpoint? {
            endpoints.filter { isEjected($0) }.min { until($0) < until($1) }
        }

        private func until(_ endpoint: Endpoint) -> Int64 {
            health[endpoint]?.ejectedUntil ?? .max
        }

        private mutating func restore(_ endpoint: Endpoint, at now: Int64) {
            health[endpoint]?.ejectedUntil = nil
            health[endpoint]?.healthySince = now
            health[endpoint]?.generation &+= 1
            health[endpoint]?.forget()
        }

        /// Calls the endpoint again before its time, because a health check found it well.
        mutating func restore(wellFound endpoint: Endpoint, at now: Int64) -> Event? {
            if !isEjected(endpoint) { return nil }
            restore(endpoint, at: now)
            return .returned(endpoint)
        }

        /// Calls all endpoints again.
        mutating func restoreAll(at now: Int64) -> [Event] {
            endpoints.compactMap { restore(wellFound: $0, at: now) }
        }

        /// Takes new options. Ejections under way keep their end; windows stay unless they have another length.
        mutating func configure(_ new: OutlierEjectionOptions) {
            let keepsWindows = new.window == options.window
            options = new
            width = Self.width(new)
            if keepsWindows { return }
            for endpoint in endpoints { health[endpoint]?.forget() }
        }
    }
}
