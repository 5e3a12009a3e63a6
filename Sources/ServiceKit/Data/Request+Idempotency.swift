// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import Foundation
internal import HTTPTypes
package import Hummingbird

extension Request {
    /// The client's idempotency key: `Idempotency-Key: "8e03978e-…"`, a string in double quotes as the draft demands; without
    /// quotes it is accepted too. Nil when there is none.
    ///
    /// - Throws: a ``Problem``, 400, when it is empty, longer than 255 characters or holds others than visible ASCII.
    package func idempotencyKey() throws -> String? {
        guard let field = headers[.idempotencyKey] else { return nil }
        var key = Substring(field)
        if key.count >= 2, key.hasPrefix("\""), key.hasSuffix("\"") { key = key.dropFirst().dropLast() }
        guard (1...255).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\"") })
        else {
            throw Problem(
                .badRequest, type: "malformed-idempotency-key",
                detail: "Idempotency-Key must be 1 to 255 visible characters in double quotes, for example a UUID.")
        }
        return String(key)
    }

    /// The client's idempotency key, which this request must have.
    ///
    /// - Throws: a ``Problem``, 400, when it is missing or malformed.
    package func requiredIdempotencyKey() throws -> String {
        guard let key = try idempotencyKey() else {
            throw Problem(
                .badRequest, type: "idempotency-key-required",
                detail: "Send Idempotency-Key: \"<a new UUID>\", the same one when you repeat the request.")
        }
        return key
    }
}

extension IdempotencyRecords {
    /// A digest that tells payloads apart. Not for payloads with secrets: whoever reads the digest could guess them.
    package static func fingerprint(of body: ByteBuffer) -> String {
        SHA256.hash(data: Data(body.readableBytesView)).prefix(16).map { String(format: "%02x", $0) }.joined()
    }
}

extension IdempotencyRecords.KeyReused: ProblemConvertible {
    package var problem: Problem {
        Problem(
            .unprocessableContent, type: "idempotency-key-reused",
            detail: "This Idempotency-Key was used before with another payload. Use a new one.",
            extensions: ["retryable": false])
    }
}

extension Response {
    /// An answer that was given before, or is now given for the first time.
    package init(_ answer: IdempotencyRecords.Answer) {
        self.init(
            status: .init(code: answer.status),
            headers: [
                .contentType: "application/json", .contentLength: String(answer.body.utf8.count),
                .location: answer.location,
                .eTag: answer.entityTag,
            ], body: .init(byteBuffer: ByteBuffer(string: answer.body)))
    }
}
