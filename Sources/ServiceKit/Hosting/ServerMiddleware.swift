// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
package import Hummingbird
internal import Logging
internal import Synchronization

/// What happens around every request of a service: its deadline and trace are kept for the calls it makes, faults strike, every
/// error becomes a ``Problem``, and the whole is measured.
package final class ServerMiddleware: RouterMiddleware {
    package typealias Context = ServiceContext

    private let gate: Gate
    private let logger: Logger
    private let faults: InServiceFaults?
    private let metrics: RequestMetrics?
    private let routes = Mutex<RouteTable?>(nil)

    init(gate: Gate, logger: Logger, faults: InServiceFaults?, metrics: RequestMetrics?) {
        self.gate = gate
        self.logger = logger
        self.faults = faults
        self.metrics = metrics
    }

    /// Takes note of the routes once all are there.
    func learn(_ router: Router<ServiceContext>) {
        let table = RouteTable(router)
        routes.withLock { $0 = table }
    }

    package func handle(
        _ request: Request, context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let began = MonotonicClock.nanoseconds
        metrics?.began()
        var context = context
        context.gate = gate
        var response: Response
        do {
            let path = request.uri.path
            try await faults?.strike(method: request.method, path: path)
            if let scope = try Self.scope(of: request, at: began) {
                let context = context
                response = try await CallScope.$current.withValue(scope) { try await next(request, context) }
            } else {
                response = try await next(request, context)
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

    /// What the request brings for the calls that it causes; nil when it brings nothing.
    private static func scope(of request: Request, at now: UInt64) throws -> CallScope? {
        let deadline = request.headers[.deadline]
        let traceparent = request.headers[.traceparent]
        guard deadline != nil || traceparent != nil else { return nil }
        var scope = CallScope(traceparent: traceparent.flatMap { $0.utf8.count <= 128 ? $0 : nil })
        if let deadline {
            guard let milliseconds = UInt64(deadline), milliseconds <= 86_400_000 else {
                throw Problem(
                    .badRequest, type: "malformed-header",
                    detail: "X-Deadline-Ms must be a number of milliseconds from 0 to 86400000.")
            }
            guard milliseconds > 0 else {
                throw Problem(.gatewayTimeout, type: "deadline-exceeded", detail: "The deadline had passed on arrival.")
            }
            scope.deadlineNanoseconds = now + milliseconds * 1_000_000
        }
        return scope
    }
}
