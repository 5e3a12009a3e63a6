// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import NIOCore
package import Resilience
internal import Synchronization

/// Calls other services, every call through the pipeline that is named after its edge: `post -> comment`.
///
/// Without configured policies a call is one attempt that ends after ``ultimateTimeout``. Safe from any thread.
package final class ResilientClient: Sendable {
    /// The service that calls.
    package let caller: String
    package let directory: ServiceDirectory
    /// Where the pipelines are, and where their policies change.
    package let registry: ResilienceRegistry
    let transport: any PeerTransport
    let secret: ServiceSecret
    /// The version of the list of instances that each service's outlier ejection has.
    let knownInstances = Mutex<[String: Int]>([:])

    /// The longest that any call lasts, all attempts together, whatever the policies say.
    package static let ultimateTimeout: Duration = .seconds(30)

    package init(
        caller: String, directory: ServiceDirectory, transport: any PeerTransport, secret: ServiceSecret,
        registry: ResilienceRegistry = ResilienceRegistry()
    ) {
        self.caller = caller
        self.directory = directory
        self.registry = registry
        self.transport = transport
        self.secret = secret
    }

    /// The name of the pipeline for calls to a service.
    package func edge(to service: String) -> String { "\(caller) -> \(service)" }

    /// One logical call, with as many attempts as its pipeline makes.
    package struct Call: Sendable {
        package var method: HTTPRequest.Method
        package var service: String
        /// With its query, percent-encoded.
        package var path: String
        package var headers: HTTPFields
        package var body: ByteBuffer?
        package var credentials: Credentials
        /// Whether it may be sent twice.
        package var isRepeatable: Bool
        /// How much is lost when it is refused; nil for as much as with the request that it is made for.
        package var criticality: Criticality?

        package init(
            _ method: HTTPRequest.Method, _ service: String, _ path: String, headers: HTTPFields = [:],
            body: ByteBuffer? = nil, credentials: Credentials = .none, isRepeatable: Bool? = nil,
            criticality: Criticality? = nil
        ) {
            self.method = method
            self.service = service
            self.path = path
            self.headers = headers
            self.body = body
            self.credentials = credentials
            self.criticality = criticality
            self.isRepeatable = isRepeatable ?? Self.isRepeatable(method, headers)
        }

        /// RFC 9110, 9.2.2; a POST with an idempotency key may be repeated as well.
        private static func isRepeatable(_ method: HTTPRequest.Method, _ headers: HTTPFields) -> Bool {
            switch method {
            case .get, .head, .options, .put, .delete: true
            default: headers[.idempotencyKey] != nil
            }
        }
    }

    /// Makes a call. An answer below 400 is a result, everything else an error.
    ///
    /// - Throws: ``CallError``.
    package func send(_ call: Call) async throws(CallError) -> PeerResponse {
        guard case .response(let response) = try await execute(call) else {
            // Nobody offered a fallback, so none was used.
            throw CallError(.badAnswer, edge: edge(to: call.service), message: "a fallback that is not there was used")
        }
        return try accept(response, of: call)
    }

    /// The response, unless it is an error of the client's: 400 to 499.
    func accept(_ response: PeerResponse, of call: Call) throws(CallError) -> PeerResponse {
        guard response.status.code >= 400 else { return response }
        throw CallError(
            .status(response.status.code), edge: edge(to: call.service),
            message: "\(call.method) \(call.path.prefix { $0 != "?" }) answered \(response.status.code)")
    }

    // MARK: - One attempt

    /// The request of one attempt, to an instance.
    func request(for call: Call, _ context: CallContext, to address: String, remaining: Duration) -> PeerRequest {
        var headers = call.headers
        headers[.caller] = caller
        headers[.attempt] = String(context.attempt)
        headers[.deadline] = String(max(1, remaining.clampedNanoseconds / 1_000_000))
        // A hedge beside a first attempt has its number, and is worth as little as a second one.
        let criticality = context.attempt > 1 ? context.criticality : context.sheddingCriticality
        if criticality != .critical { headers[.criticality] = criticality.word }
        if context.cohort != .last { headers[.cohort] = String(context.cohort.number) }
        if let traceparent = TraceContext.current { headers[.traceparent] = traceparent }
        switch call.credentials {
        case .none: break
        case .user(let caller): headers[.authorization] = "Bearer \(caller.token)"
        case .service: headers[.serviceSecret] = secret.value
        }
        return PeerRequest(method: call.method, url: address + call.path, headers: headers, body: call.body)
    }
}
