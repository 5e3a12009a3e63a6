// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird

/// Whether the process lives and may be sent work; for anybody who asks.
struct HealthRoutes: Sendable {
    let readiness: Readiness

    func add(to router: Router<ServiceContext>) {
        router.get("/health/live") { _, _ in try Response.json(["status": "live"]) }
        router.get("/health/ready") { _, _ in try self.ready() }
    }

    private func ready() throws -> Response {
        struct Answer: Encodable {
            var ready: Bool
            var reasons: [String]
        }
        let reasons = readiness.reasons
        return try .json(
            Answer(ready: reasons.isEmpty, reasons: reasons),
            status: reasons.isEmpty ? .ok : .serviceUnavailable)
    }
}
