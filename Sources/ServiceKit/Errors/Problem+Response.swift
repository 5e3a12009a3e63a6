// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import HTTPTypes
package import Hummingbird

extension Problem: HTTPResponseError {
    package func response(from request: Request, context: some RequestContext) throws -> Response {
        response(instance: request.uri.path)
    }

    /// The response for a request of the path `instance`.
    package func response(instance: String) -> Response {
        var headers = headers
        headers[.contentType] = "application/problem+json"
        // Encoding these few strings and numbers does not fail; should it, the status still tells what happened.
        let body = (try? JSON.encoder.encode(Document(problem: self, instance: instance))) ?? Data()
        headers[.contentLength] = String(body.count)
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// The JSON document.
    private struct Document: Encodable {
        let problem: Problem
        let instance: String

        struct Key: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init(_ name: String) { stringValue = name }
            init?(stringValue: String) { self.init(stringValue) }
            init?(intValue: Int) { nil }
        }

        func encode(to encoder: any Encoder) throws {
            var members = encoder.container(keyedBy: Key.self)
            for (name, value) in problem.extensions {
                switch value {
                case .string(let string): try members.encode(string, forKey: Key(name))
                case .integer(let integer): try members.encode(integer, forKey: Key(name))
                case .boolean(let boolean): try members.encode(boolean, forKey: Key(name))
                }
            }
            try members.encode(problem.type.map { Problem.typePrefix + $0 } ?? "about:blank", forKey: Key("type"))
            try members.encode(problem.title, forKey: Key("title"))
            try members.encode(problem.status.code, forKey: Key("status"))
            try members.encodeIfPresent(problem.detail, forKey: Key("detail"))
            try members.encode(instance, forKey: Key("instance"))
            if !problem.faults.isEmpty { try members.encode(problem.faults, forKey: Key("errors")) }
        }
    }
}
