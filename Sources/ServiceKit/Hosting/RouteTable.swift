// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
internal import Hummingbird

/// Which methods a path has: tells 405 from 404, where the router only says that nothing matched.
package struct RouteTable: Sendable {
    private struct Route: Sendable {
        /// Nil stands for a parameter.
        var segments: [String?]
        var method: HTTPRequest.Method
    }

    private let routes: [Route]

    init(_ router: Router<ServiceContext>) {
        routes = router.routes.map { route in
            let segments = route.path.description.split(separator: "/").map { segment -> String? in
                segment.hasPrefix(":") || segment.hasPrefix("{") || segment.hasPrefix("*") ? nil : String(segment)
            }
            return Route(segments: segments, method: route.method)
        }
    }

    /// The methods of the routes that match, in alphabetical order; empty for a path that is not known.
    package func methods(of path: String) -> [HTTPRequest.Method] {
        let segments = path.split(separator: "/")
        var methods: [HTTPRequest.Method] = []
        for route in routes where route.segments.count == segments.count && !methods.contains(route.method) {
            if zip(route.segments, segments).allSatisfy({ $0.0 == nil || $0.0 == String($0.1) }) {
                methods.append(route.method)
            }
        }
        // The router answers HEAD wherever there is a GET.
        if methods.contains(.get), !methods.contains(.head) { methods.append(.head) }
        return methods.sorted { $0.rawValue < $1.rawValue }
    }
}
