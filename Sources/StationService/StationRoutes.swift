// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import Measurement
internal import ServiceKit
internal import Stations

/// What the admin port has about stations.
struct StationRoutes: Sendable {
    let server: StationServer

    func add(to router: RouterGroup<ServiceContext>) {
        router.get("/stations") { _, _ in try Response.json(try await server.records()) }
        router.delete("/stations") { _, _ in
            try await server.resetStatistics()
            return Response.noContent
        }
        router.get("/controls") { _, _ in try Response.json(try await server.controls()) }
        router.put("/controls") { request, _ in try await setControls(request) }
        router.delete("/controls") { _, _ in
            try await server.set([:])
            return Response.noContent
        }
        router.get("/metrics") { _, _ in
            let text = StationMetrics.exposition(try await server.records()) + ProcessMetrics.exposition()
            return Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: .init(byteBuffer: ByteBuffer(string: text)))
        }
    }

    private func setControls(_ request: Request) async throws -> Response {
        let controls = try await request.json([String: StationControl].self)
        var faults: [Problem.Fault] = []
        for (name, control) in controls.sorted(by: { $0.key < $1.key }) {
            if server.stationPorts[name] == nil {
                faults.append(.init(pointer: "/\(name)", detail: "There is no such station."))
            }
            if let problem = control.problem { faults.append(.init(pointer: "/\(name)", detail: problem)) }
        }
        guard faults.isEmpty else { throw Problem.validation(faults) }
        try await server.set(controls)
        return try .json(controls)
    }
}

/// The counters of stations in Prometheus' text format.
enum StationMetrics {
    static func exposition(_ records: [StationRecord]) -> String {
        var text = ""
        func family(_ name: String, _ type: String, _ value: (StationRecord) -> String) {
            text += "# TYPE \(name) \(type)\n"
            // The names of stations need no escape.
            for record in records { text += "\(name){station=\"\(record.name)\"} \(value(record))\n" }
        }
        family("station_requests_total", "counter") { "\($0.arrivals)" }
        family("station_served_total", "counter") { "\($0.served)" }
        family("station_rejected_total", "counter") { "\($0.rejected)" }
        family("station_expired_total", "counter") { "\($0.expired)" }
        family("station_failed_total", "counter") { "\($0.failed)" }
        family("station_abandoned_total", "counter") { "\($0.abandoned)" }
        family("station_busy_seconds_total", "counter") { "\($0.busyNanoseconds / 1e9)" }
        family("station_waiting_seconds_total", "counter") { "\($0.waitingNanoseconds / 1e9)" }
        family("station_in_service", "gauge") { "\($0.inService)" }
        family("station_waiting", "gauge") { "\($0.waiting)" }
        return text
    }
}
