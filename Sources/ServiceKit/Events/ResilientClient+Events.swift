// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Resilience

extension ResilientClient {
    /// Where services take events.
    package static let eventsPath = "/internal/v1/events"

    /// Hands events to another service, for an ``OutboxRelay``.
    ///
    /// - Throws: `OutboxRelay.Refused` when the service understood and will never take them, and `CallError` when
    ///   it is worth another try.
    package func deliver(_ events: [CloudEvent], to service: String) async throws {
        do {
            // With a key, so that the pipeline may repeat the call: the receiver's inbox makes that harmless. A receiver with
            // too much to do may refuse it before what users wait for: the relay comes again.
            try await post(
                Self.eventsPath, to: service, body: events, as: .service, contentType: CloudEvent.batchMediaType,
                idempotencyKey: events.first?.id.description, criticality: .sheddablePlus)
        } catch {
            // Only what says that the events themselves are wrong is final. An answer like 401 or 404 comes from a
            // network that is put together wrongly, and ends when somebody puts it right.
            if let status = error.status, [400, 413, 415, 422].contains(status) {
                throw OutboxRelay.Refused(reason: error.description)
            }
            throw error
        }
    }
}
