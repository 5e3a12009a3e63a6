// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import HTTPTypes
package import Hummingbird

extension Request {
    /// Reads the body as JSON.
    ///
    /// - Throws: a ``Problem``: 415 for another content type, 413 for a body beyond ``ServiceContext/bodyLimit``, 400 for what
    ///   is not JSON, 422 (with a JSON pointer) for JSON of another shape.
    package func json<Value: Decodable>(
        _ type: Value.Type = Value.self, contentTypes: [String] = ["application/json"]
    ) async throws -> Value {
        try JSON.decode(type, from: try await jsonBody(contentTypes: contentTypes))
    }

    /// The body as it came, once its content type and size are right; for those who need its bytes besides its value.
    ///
    /// - Throws: a ``Problem``, 415 or 413.
    package func jsonBody(contentTypes: [String] = ["application/json"]) async throws -> ByteBuffer {
        try requireContentType(contentTypes)
        let limit = ServiceContext.bodyLimit
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw Problem.tooLarge(limit: limit)
        }
        return try await body.collect(upTo: limit)
    }

    /// Throws a ``Problem``, 415, unless the body is declared as one of these media types.
    func requireContentType(_ allowed: [String]) throws {
        let sent = headers[.contentType] ?? ""
        let mediaType = sent.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
        guard allowed.contains(mediaType) else {
            let expected = allowed.joined(separator: " or ")
            throw Problem(
                .unsupportedMediaType, type: "unsupported-media-type",
                detail: sent.isEmpty ? "Content-Type is missing; send \(expected)." : "Send \(expected).",
                headers: [.accept: expected])
        }
    }
}

extension JSON {
    /// Decodes a request's body.
    ///
    /// - Throws: a ``Problem``, 400 for what is not JSON and 422 for JSON of another shape.
    package static func decode<Value: Decodable>(_ type: Value.Type, from buffer: ByteBuffer) throws -> Value {
        do {
            return try decoder.decode(type, from: Data(buffer.readableBytesView))
        } catch let error as DecodingError {
            throw Problem(decoding: error)
        }
    }
}

extension Problem {
    /// Describes why a JSON body was not accepted, in the words of its sender.
    package init(decoding error: DecodingError) {
        switch error {
        // The decoder does not tell where a number stands that does not fit: it is no better off than broken JSON.
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            self.init(
                .badRequest, type: "malformed-json",
                detail: "The body is not well-formed JSON, or a number in it is out of range.")
        case .dataCorrupted(let context):
            self = .invalid(Self.pointer(context.codingPath), "This value is not acceptable here.")
        case .keyNotFound(let key, let context):
            self = .invalid(Self.pointer(context.codingPath + [key]), "'\(key.stringValue)' is missing.")
        case .valueNotFound(_, let context):
            self = .invalid(Self.pointer(context.codingPath), "This value must not be null.")
        case .typeMismatch(let type, let context):
            self = .invalid(Self.pointer(context.codingPath), "This value must be \(Self.word(for: type)).")
        @unknown default:
            self.init(.badRequest, type: "malformed-json", detail: "The body could not be read.")
        }
    }

    /// The JSON pointer (RFC 6901) for a path.
    static func pointer(_ path: [any CodingKey]) -> String {
        path.map { key in
            "/"
                + (key.intValue.map(String.init)
                    ?? key.stringValue.replacing("~", with: "~0").replacing("/", with: "~1"))
        }.joined()
    }

    /// The JSON word for a Swift type.
    private static func word(for type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "an integer"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [Any].Type: "an array"
        default: "of another type"
        }
    }
}
