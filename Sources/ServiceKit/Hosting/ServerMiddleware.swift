// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
package import Hummingbird
internal import Logging
internal import Synchronization

/// What happens around every request of a service: what it says about itself is kept for the calls it makes, the service's
/// pipeline lets it in, faults strike, every error becomes a ``Problem``, and the whole is measured.
package final class ServerMiddleware: RouterMiddleware {
    package typealias Context = ServiceContext

    private let gate: Gate
    private let logger: Logger
    private let pipeline: ServerPipeline?
    private let faults: InServiceFaults?
    private let metrics: RequestMetrics?
    private let routes = Mutex<RouteTable?>(nil)

    init(
        gate: Gate, logger: Logger, pipeline: ServerPipeline?, faults: InServiceFaults?, metrics: RequestMetrics?
    ) {
        self.gate = gate
        self.logger = logger
        self.pipeline = pipeline
        self.faults = faults
        self.metrics = metrics
    }

    /// Takes note of the routes once all are there.
    func learn(_ router: Router<ServiceContext>) {
        let table = RouteTable(router)
        routes.withLock { $0 = table }
    }

    /// The rest of the way, in a form in which the pipeline can take it.
    ///
    /// Safe because it is called at most once, and only while `handle` waits for it to end.
    private struct Handler: @unchecked Sendable {
        let call: @concurrent (Request, ServiceContext) async throws -> Response
    }

    @concurrent package func handle(
        _ request: Request, context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let began = MonotonicClock.nanoseconds
        metrics?.began()
        var context = context
        context.gate = gate
        var response: Response
        do {
            let call = try InboundCall(request, at: began, gate: gate)
            let context = context
            response = try await withoutActuallyEscaping(next) { next async throws -> Response in
                let handler = Handler(call: next)
                return try await call.bound { try await self.admit(request, context, handler) }
            }
        } catch {
            response = problem(for: error, request).response(instance: request.uri.path)
        }
        let route = context.endpointPath ?? "other"
        metrics?.ended(
            route: route == "NotFound" ? "other" : route, method: request.method, status: response.status.code,
            nanoseconds: MonotonicClock.nanoseconds &- began)
        return response
    }

    private func admit(_ request: Request, _ context: ServiceContext, _ handler: Handler) async throws -> Response {
        guard let pipeline else { return try await serve(request, context, handler) }
        return try await pipeline.run { try await self.serve(request, context, handler) }
    }

    private func serve(_ request: Request, _ context: ServiceContext, _ handler: Handler) async throws -> Response {
        try await faults?.strike(method: request.method, path: request.uri.path)
        return try await handler.call(request, context)
    }

    private func problem(for error: any Error, _ request: Request) -> Problem {
        guard let problem = Problem(error) else {
            logger.error(
                "unexpected error",
                metadata: ["method": "\(request.method)", "path": "\(request.uri.path)", "error": "\(error)"])
            return .unexpected
        }
        // Only the router's own answer has neither text nor type: a handler that finds nothing says what.
        guard problem.status == .notFound, problem.type == nil, problem.detail == nil else { return problem }
        let path = request.uri.path
        let methods = routes.withLock { $0 }?.methods(of: path) ?? []
        guard !methods.isEmpty else { return Problem(.notFound, detail: "There is nothing at this path.") }
        let allowed = methods.map(\.rawValue).joined(separator: ", ")
        return Problem(
            .methodNotAllowed, detail: "\(request.method.rawValue.prefix(16)) is not possible here; use \(allowed).",
            headers: [.allow: allowed])
    }
}
