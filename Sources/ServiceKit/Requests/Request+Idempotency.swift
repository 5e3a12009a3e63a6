// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import HTTPTypes
package import Hummingbird

extension Request {
    /// The longest idempotency key in characters.
    private static let longestKey = 255

    /// What the client's idempotency key stands for.
    ///
    /// The key is a string in double quotes (RFC 8941, 3.3.3); without quotes it is understood as well.
    ///
    /// - Parameters:
    ///   - principal: the user's id; empty where there is none yet.
    ///   - payload: what the request asks for, part by part: the same key with other parts is refused.
    /// - Throws: a ``Problem``, 400, when the key is missing or malformed.
    package func idempotency(of principal: String, payload: [String]) throws -> IdempotencyRecords.Request {
        guard let field = headers[.idempotencyKey] else {
            throw Problem(
                .badRequest, type: "idempotency-key-missing",
                detail: "Send Idempotency-Key with a new UUID in double quotes, and the same one when you try again.")
        }
        var key = field[...]
        if key.utf8.count >= 2, key.hasPrefix("\""), key.hasSuffix("\"") { key = key.dropFirst().dropLast() }
        let isPlain = key.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        guard isPlain, !key.isEmpty, key.utf8.count <= Self.longestKey else {
            throw Problem(
                .badRequest, type: "malformed-header",
                detail: "Idempotency-Key must be 1 to \(Self.longestKey) visible ASCII characters in double quotes.")
        }
        return IdempotencyRecords.Request(
            principal: principal, operation: "\(method.rawValue) \(uri.path)", key: String(key),
            fingerprint: Self.fingerprint(payload))
    }

    /// SHA-256 over the parts, each after its length, so that no two lists of parts look the same.
    private static func fingerprint(_ parts: [String]) -> String {
        var hash = SHA256()
        for part in parts {
            hash.update(data: Array("\(part.utf8.count):".utf8))
            hash.update(data: Array(part.utf8))
        }
        return hash.finalize().prefix(16).reduce(into: "") { text, byte in
            text += byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16)
        }
    }
}

extension IdempotencyRecords.KeyReused: ProblemConvertible {
    package var problem: Problem {
        Problem(
            .unprocessableContent, type: "idempotency-key-reused",
            detail: "This Idempotency-Key was used before for another request; make a new one.",
            extensions: ["retryable": false])
    }
}

extension IdempotencyRecords.Answer {
    /// The answer as a response, the same each time it is asked for.
    package var response: Response {
        Response.json(
            bytes: Array(body.utf8), status: .init(code: status), headers: [.location: location, .eTag: entityTag])
    }
}
