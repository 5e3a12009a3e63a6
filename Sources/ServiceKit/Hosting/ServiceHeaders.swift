// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

// The names are valid tokens, which is all that the initialiser asks for.
extension HTTPField.Name {
    /// How many milliseconds the sender will wait from now.
    package static let deadline = HTTPField.Name("x-deadline-ms")!
    /// Which attempt of a logical call this is, from 1.
    package static let attempt = HTTPField.Name("x-attempt")!
    /// The service that calls.
    package static let caller = HTTPField.Name("x-caller")!
    /// W3C trace context.
    package static let traceparent = HTTPField.Name("traceparent")!
    /// draft-ietf-httpapi-idempotency-key-header.
    package static let idempotencyKey = HTTPField.Name("idempotency-key")!
    /// What services prove to each other that they are services with.
    package static let serviceSecret = HTTPField.Name("x-service-secret")!
}
