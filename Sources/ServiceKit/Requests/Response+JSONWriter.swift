// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import Hummingbird

extension Response {
    /// A response whose JSON is there already.
    package static func json(
        bytes: [UInt8], status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.contentLength] = String(bytes.count)
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A page of a list: `{"items":[…],"nextCursor":"…","degraded":["…"]}`.
    ///
    /// The last two members are there only when there is something to say.
    ///
    /// - Parameters:
    ///   - degraded: what a fallback stands in for.
    ///   - element: writes one item.
    package static func page<Item>(
        _ page: Page<Item>, degraded: [String] = [], element: (inout JSONWriter, Item) -> Void
    ) -> Response {
        var json = JSONWriter(capacity: 64 + 384 * page.items.count)
        json.object { json in
            json.name("items")
            json.array(page.items, element)
            if let next = page.next {
                json.name("nextCursor")
                json.value(next.text)
            }
            if !degraded.isEmpty {
                json.name("degraded")
                json.array(degraded) { $0.value($1) }
            }
        }
        return .json(bytes: json.bytes)
    }
}
