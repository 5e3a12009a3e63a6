// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

// The names are valid tokens, which is all that the initialiser asks for.
extension HTTPField.Name {
    /// How many milliseconds the sender will wait from now.
    package static let deadline = HTTPField.Name("x-deadline-ms")!
    /// Which attempt of a logical call this is, from 1.
    package static let attempt = HTTPField.Name("x-attempt")!
    /// How much is lost when the request is refused: `sheddable`, `sheddable-plus`, `critical` (when it is left out) or
    /// `critical-plus`, which only services of the network may say.
    package static let criticality = HTTPField.Name("x-criticality")!
    /// Which part of its class goes first when some of it is refused, 0 to 127; without it, the user's sign-in decides.
    package static let cohort = HTTPField.Name("x-cohort")!
    /// In a refusal: how many milliseconds not to try again; negative, not at all. As in gRPC's proposal A6.
    package static let retryPushback = HTTPField.Name("x-retry-pushback-ms")!
    /// The service that calls.
    package static let caller = HTTPField.Name("x-caller")!
    /// W3C trace context.
    package static let traceparent = HTTPField.Name("traceparent")!
    /// draft-ietf-httpapi-idempotency-key-header.
    package static let idempotencyKey = HTTPField.Name("idempotency-key")!
    /// What services prove to each other that they are services with.
    package static let serviceSecret = HTTPField.Name("x-service-secret")!
}
