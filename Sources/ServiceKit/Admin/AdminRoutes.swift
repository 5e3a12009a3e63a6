// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Resilience

/// The routes of the admin port: plain HTTP on loopback, with a token for all but health.
struct AdminRoutes: Sendable {
    let state: AdminState

    func add(to router: Router<ServiceContext>) {
        HealthRoutes(readiness: state.readiness).add(to: router)
        let guarded = router.group().add(middleware: AdminGate(token: state.token))
        guarded.get("/metrics") { _, _ in self.metrics() }
        guarded.get("/faults") { _, _ in try Response.json(self.state.faults.decider.faults) }
        guarded.put("/faults") { request, _ in try await self.setFaults(request) }
        guarded.delete("/faults") { _, _ in
            self.state.faults.set(FaultDecider(faults: []))
            return Response.noContent
        }
        guarded.get("/policies") { _, _ in try Response.json(self.state.registry.snapshots()) }
        guarded.patch("/policies") { request, _ in try await self.changePolicies(request) }
        guarded.get("/policies/events") { request, _ in try self.policyEvents(request) }
        guarded.post("/policies/{pipeline}/circuit-breaker/reset") { _, context in try self.resetBreaker(context) }
        guarded.get("/directory") { _, _ in try Response.json(self.state.directory.snapshot) }
        guarded.put("/directory") { request, _ in try await self.setDirectory(request) }
    }

    private func metrics() -> Response {
        state.registry.recordGauges()
        let text = state.metrics.exposition() + ProcessMetrics.exposition()
        return Response(
            status: .ok, headers: [.contentType: PrometheusText.contentType],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// Replaces all faults. `?seed=` makes their dice.
    private func setFaults(_ request: Request) async throws -> Response {
        var seed: UInt64 = 0
        if let text = request.uri.queryParameters.get("seed") {
            guard let number = UInt64(text) else {
                throw Problem.invalid("?seed", "The seed must be a number from 0 to 2^64 - 1.")
            }
            seed = number
        }
        let faults: [ServiceFault]
        do {
            try request.requireContentType(["application/json"])
            let body = try await request.body.collect(upTo: ServiceContext.bodyLimit)
            faults = try JSON.decoder.decode([ServiceFault].self, from: Data(body.readableBytesView))
        } catch let error as DecodingError {
            // The fault model explains what is wrong with it better than the general words do.
            if case .dataCorrupted(let context) = error, !context.codingPath.isEmpty {
                throw Problem.invalid(Problem.pointer(context.codingPath), context.debugDescription)
            }
            throw Problem(decoding: error)
        }
        state.faults.set(FaultDecider(faults: faults, seed: seed))
        return try .json(faults)
    }

    private func setDirectory(_ request: Request) async throws -> Response {
        let lists = try await request.json([String: [String]].self)
        var faults: [Problem.Fault] = []
        var addresses: [String: [ServiceAddress]] = [:]
        for (service, list) in lists.sorted(by: { $0.key < $1.key }) {
            addresses[service] = list.enumerated().compactMap { index, text in
                if let address = ServiceAddress(text) { return address }
                faults.append(
                    .init(pointer: "/\(service)/\(index)", detail: "'\(text.prefix(200))' is not https://host:port."))
                return nil
            }
        }
        guard faults.isEmpty else { throw Problem.validation(faults) }
        state.directory.update(addresses)
        return try .json(state.directory.snapshot)
    }
}

/// Lets only those pass who know the admin token.
struct AdminGate: RouterMiddleware {
    typealias Context = ServiceContext

    let token: ServiceSecret

    func handle(
        _ request: Request, context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        guard let sent = request.headers[.authorization].flatMap(Gate.bearer), token.matches(sent) else {
            throw Problem.unauthorized("Send Authorization: Bearer <the admin token>.")
        }
        return try await next(request, context)
    }
}
