// SPDX-License-Identifier: Apache-2.0

package import CoreMetrics
package import Hummingbird
package import Logging

/// Makes routers whose every answer goes through ``ServerMiddleware``.
package enum ServiceRouter {
    /// A router with the routes that `routes` adds.
    ///
    /// - Parameters:
    ///   - logger: for errors that nobody expected.
    ///   - pipeline: lets requests in; nil lets all of them.
    ///   - faults: those that may strike; nil for none ever.
    ///   - metrics: where requests are measured; nil for nowhere.
    package static func make(
        gate: Gate, logger: Logger = Logger(label: "service"), pipeline: ServerPipeline? = nil,
        faults: InServiceFaults?, metrics: (any MetricsFactory)?, routes: (Router<ServiceContext>) -> Void
    ) -> Router<ServiceContext> {
        let router = Router(context: ServiceContext.self, options: .autoGenerateHeadEndpoints)
        let middleware = ServerMiddleware(
            gate: gate, logger: logger, pipeline: pipeline, faults: faults,
            metrics: metrics.map { RequestMetrics(factory: $0) })
        router.add(middleware: middleware)
        routes(router)
        middleware.learn(router)
        return router
    }
}
