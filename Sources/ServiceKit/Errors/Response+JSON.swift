// SPDX-License-Identifier: Apache-2.0

internal import Foundation
package import HTTPTypes
package import Hummingbird

extension Response {
    /// A response with a JSON body.
    ///
    /// - Throws: what the value's own `encode(to:)` throws.
    package static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws -> Response {
        let data = try JSON.encoder.encode(value)
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.contentLength] = String(data.count)
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: data)))
    }

    /// 204.
    package static var noContent: Response { Response(status: .noContent) }
}
