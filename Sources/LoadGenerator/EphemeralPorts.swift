// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Makes sure of enough local ports before the load starts.
///
/// A connection is known by its two addresses and two ports, so each address of a target can have as many connections at once as
/// this machine has ports to give: `net.ipv4.ip_local_port_range` without `ip_local_reserved_ports`.
struct EphemeralPorts {
    let available: Int
    /// How long, in seconds, the kernel keeps a port that this side has closed: 60 (TIME_WAIT), or 1 where
    /// `net.ipv4.tcp_tw_reuse` lets it go earlier, which is on the loopback unless it was set otherwise.
    let secondsKept: (loopback: Double, elsewhere: Double)

    init() {
        self.init(
            range: ProcFile.read("/proc/sys/net/ipv4/ip_local_port_range"),
            reserved: ProcFile.read("/proc/sys/net/ipv4/ip_local_reserved_ports"),
            reuse: ProcFile.read("/proc/sys/net/ipv4/tcp_tw_reuse"))
    }

    /// From the texts of the kernel's settings; what can't be read counts as the kernel's default.
    init(range: String, reserved: String, reuse: String) {
        let bounds = range.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        let (low, high) = bounds.count == 2 && bounds[0] <= bounds[1] ? (bounds[0], bounds[1]) : (32_768, 60_999)
        let taken = reserved.split { $0 == "," || $0.isWhitespace }.reduce(0) { sum, part in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last else { return sum }
            return sum + max(0, min(last, high) - max(first, low) + 1)
        }
        available = max(0, high - low + 1 - taken)
        let mode = reuse.first { $0.isNumber } ?? "2"
        secondsKept = (mode == "0" ? 60 : 1, mode == "1" ? 1 : 60)
    }

    /// - Throws: an error with the number needed when the plan may want more connections at once than there are ports.
    func check(_ plan: Plan, _ targets: [ResolvedTarget]) throws(LoadEngineError) {
        let perTarget = plan.mostConnectionsPerTarget
        var needed: [[UInt8]: Int] = [:]
        for target in targets {
            // In turn over all addresses, so each gets its share.
            let share = (perTarget + target.addresses.count - 1) / target.addresses.count
            for address in target.addresses { needed[address.bytes, default: 0] += share }
        }
        guard let worst = needed.max(by: { $0.value < $1.value }), worst.value > available,
            let place = targets.lazy.flatMap(\.addresses).first(where: { $0.bytes == worst.key })
        else { return }
        throw LoadEngineError(
            .resources,
            "the load may need \(worst.value) connections to \(place) at once, and this machine has \(available) local ports for "
                + "them; lower the limit of connections, or widen net.ipv4.ip_local_port_range")
    }

    /// What may go wrong with connections that serve few requests: the kernel keeps the port of each one that this side closes first.
    ///
    /// Only a warning, since a server that closes first keeps the port on its own side.
    func warning(_ plan: Plan, _ targets: [ResolvedTarget]) -> String? {
        guard let served = plan.requestsPerConnection else { return nil }
        var worst: (needed: Int, place: String)?
        for (index, target) in targets.enumerated() {
            let rate = plan.mostRequestsPerSecond(to: index) / Double(served)
            let kept = target.addresses.allSatisfy(\.isLoopback) ? secondsKept.loopback : secondsKept.elsewhere
            let needed = Int(min(rate * kept, 1e9)) / target.addresses.count
            if needed > available, needed > worst?.needed ?? 0 { worst = (needed, target.target.place) }
        }
        return worst.map {
            "a new connection for \(served == 1 ? "each request" : "every \(served) requests") to \($0.place) may need \($0.needed) local ports, since the kernel keeps each for a "
                + "while, and this machine has \(available); set net.ipv4.tcp_tw_reuse=1 or lower the rate"
        }
    }
}

extension Plan {
    /// Most connections to one target at once. Closed loads have no more requests under way than users.
    var mostConnectionsPerTarget: Int {
        let users = sources.reduce(0) { sum, source in
            let most =
                switch source.rate {
                case .closed(let users): users
                case .rampingUsers(let start, let stages): max(start, stages.map(\.target).max() ?? 0)
                case .constant, .ramping: maxInFlight
                }
            return min(maxInFlight, sum + most)
        }
        return min(connections.limitPerTarget, maxInFlight, max(1, users))
    }

    /// Requests that a connection serves before this side closes it; nil when it stays open for as long as it is used.
    fileprivate var requestsPerConnection: Int? {
        if connections.strategy == .perRequest { return 1 }
        return connections.maxRequests
    }

    /// What a request is taken to last at least, in seconds, where a closed load says nothing else.
    private static let shortestRequest = 0.001

    /// Requests a second to a target at the highest rate of all sources together. A closed user's rate is taken from the length of
    /// its journeys, and a loop that a condition may end counts as one round.
    fileprivate func mostRequestsPerSecond(to target: Int) -> Double {
        sources.reduce(0) { sum, source in
            let weight = source.journeys.reduce(0) { $0 + $1.weight }
            func mean(_ value: (Journey) -> Double) -> Double {
                source.journeys.reduce(0) { $0 + $1.weight / weight * value(journeys[$1.journey]) }
            }
            let seconds = mean { journey in
                journey.sum { step in
                    switch step {
                    case .request: Self.shortestRequest
                    case .think(let think): think.mean
                    case .set, .group, .loop: 0
                    }
                }
            }
            let highest: Double =
                switch source.rate {
                case .constant(let rate): rate
                case .ramping(let start, let stages): max(start, stages.map(\.target).max() ?? 0)
                case .closed(let users): Double(users) / seconds
                case .rampingUsers(let start, let stages):
                    Double(max(start, stages.map(\.target).max() ?? 0)) / seconds
                }
            return sum
                + highest
                * mean { journey in
                    journey.sum { step in
                        if case .request(let request) = step, request.target == target { 1 } else { 0 }
                    }
                }
        }
    }
}

extension Plan.Journey {
    /// The sum of a value over all steps that are played, those in loops as often as they are.
    fileprivate func sum(_ value: (Plan.Step) -> Double) -> Double { Self.sum(steps, value) }

    private static func sum(_ steps: [Plan.Step], _ value: (Plan.Step) -> Double) -> Double {
        steps.reduce(0) { total, step in
            switch step {
            case .request, .think, .set: return total + value(step)
            case .group(_, let inner): return total + sum(inner, value)
            case .loop(let loop):
                let isCertain = loop.whileCondition == nil && loop.untilCondition == nil
                return total + Double(isCertain ? loop.rounds : 1) * sum(loop.steps, value)
            }
        }
    }
}

extension Plan.Think {
    /// In seconds.
    fileprivate var mean: Double {
        switch self {
        case .fixed(let time), .exponential(let time): Double(time.nanoseconds) / 1e9
        case .uniform(let low, let high): (Double(low.nanoseconds) + Double(high.nanoseconds)) / 2e9
        }
    }
}

extension ResolvedTarget.Address {
    /// 127.0.0.0/8 or ::1.
    fileprivate var isLoopback: Bool {
        // The address begins at byte 4 of a sockaddr_in, and at byte 8 of a sockaddr_in6.
        if family == AF_INET { return bytes.count > 4 && bytes[4] == 127 }
        return bytes.count >= 24 && bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
    }
}
