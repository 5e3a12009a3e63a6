// SPDX-License-Identifier: Apache-2.0

internal import CoreMetrics
internal import HTTPTypes
internal import Metrics
internal import Synchronization

/// Measures requests by method, route and status: `http_server_request_duration_seconds`, and how many are under way.
///
/// Routes, not paths: the number of series is bounded by the code and not by who calls. Safe from any thread.
final class RequestMetrics: Sendable {
    private struct Key: Hashable {
        var route: String
        var method: HTTPRequest.Method
        var status: Int
    }

    private let timers = Mutex<[Key: Timer]>([:])
    private let active: Meter
    private let factory: any MetricsFactory

    init(factory: any MetricsFactory) {
        self.factory = factory
        active = Meter(label: "http.server.active_requests", factory: factory)
    }

    func began() { active.increment() }

    func ended(route: String, method: HTTPRequest.Method, status: Int, nanoseconds: UInt64) {
        active.decrement()
        // A method is whatever the client wrote; only those that routes have are told apart.
        let method = Self.known.contains(method) ? method : Self.other
        let key = Key(route: route, method: method, status: status)
        let timer = timers.withLock { timers in
            if let timer = timers[key] { return timer }
            let timer = Timer(
                label: "http.server.request.duration",
                dimensions: [("method", key.method.rawValue), ("route", route), ("status", String(status))],
                factory: factory)
            timers[key] = timer
            return timer
        }
        timer.recordNanoseconds(Int64(clamping: nanoseconds))
    }

    private static let known: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]
    // A valid token.
    private static let other = HTTPRequest.Method("OTHER")!
}
