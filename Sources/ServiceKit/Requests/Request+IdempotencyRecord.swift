// SPDX-License-Identifier: Apache-2.0

package import Hummingbird

extension Request {
    /// What the client's idempotency key, which this request must have, stands for.
    ///
    /// - Parameters:
    ///   - principal: the user's id.
    ///   - payload: what the request asks for, part by part: the same key with other parts is refused.
    /// - Throws: a ``Problem``, 400, when the key is missing or malformed.
    package func idempotency(of principal: String, payload: [String]) throws -> IdempotencyRecords.Request {
        // Each part comes after its length, so that no two lists of parts look the same.
        var parts = ByteBuffer()
        for part in payload {
            parts.writeString("\(part.utf8.count):")
            parts.writeString(part)
        }
        return IdempotencyRecords.Request(
            principal: principal, operation: "\(method.rawValue) \(uri.path)", key: try requiredIdempotencyKey(),
            fingerprint: IdempotencyRecords.fingerprint(of: parts))
    }
}
