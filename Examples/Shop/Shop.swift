// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import Hummingbird
import NIOHTTP1
import Resilience

/// A shop that asks another service how much of an item is in stock: `shop http://stock.local:9000`.
@main
struct Shop {
    static func main() async throws {
        let stock = CommandLine.arguments.dropFirst().first ?? "http://127.0.0.1:9000"
        // Counters and durations of every policy go to swift-metrics: bootstrap the backend of your choice here.
        try await Application(router: router(stock: stock, policies: policies())).runService()
    }

    /// The policies of every call from the shop to the stock. The schema is that of scenario scripts and JSON files.
    static func policies() throws -> ResilienceRegistry {
        let policies = ResilienceRegistry()
        try policies.apply(
            PolicyEdits([
                "shop -> stock": [
                    "fallback": "enforced",
                    "deadline": "1s",
                    "retry": ["attempts": 3, "backoff": ["base": "20ms", "cap": "250ms"], "budget": "10%"],
                    "circuit-breaker": ["failure-rate": "50%", "window": "10s", "open": "2s"],
                    "bulkhead": ["limit": 32, "queue": 16],
                    "attempt-timeout": "250ms",
                ]
            ]))
        return policies
    }

    static func router(stock: String, policies: ResilienceRegistry) -> Router<BasicRequestContext> {
        let client = StockClient(address: stock, pipeline: policies.pipeline("shop -> stock"))
        let router = Router()
        router.get("items/:item") { _, context in
            let item = try context.parameters.require("item")
            return Item(name: item, inStock: try await client.level(of: item))
        }
        // For the operators, behind whatever guards your admin routes: see the policies, and change them as they run.
        router.get("admin/policies") { _, _ in Policies(pipelines: policies.snapshots()) }
        router.patch("admin/policies") { request, context in
            do {
                try policies.apply(await request.decode(as: PolicyEdits.self, context: context))
            } catch let faults as ConfigurationFaults {
                throw HTTPError(.unprocessableContent, message: "\(faults)")
            }
            return Policies(pipelines: policies.snapshots())
        }
        return router
    }
}

struct Item: ResponseEncodable {
    var name: String
    /// Nil when the stock could not say.
    var inStock: Int?
}

struct Policies: ResponseEncodable {
    var pipelines: [PipelineSnapshot]
}

struct StockClient: Sendable {
    let address: String
    let pipeline: ResiliencePipeline

    /// An answer that is no stock level.
    struct Refusal: Error {
        var status: HTTPResponseStatus
        var retryAfter: Duration?
    }

    /// How many there are; nil when nothing helped, because the pipeline's fallback is an item without a level.
    func level(of item: String) async throws -> Int? {
        try await pipeline.execute(
            idempotency: .safe, classifier: Self.classifier, fallback: { _ in .some(nil) },
            operation: { context in try await ask(item, context) })
    }

    /// One attempt. When its time is over its task is cancelled, and AsyncHTTPClient gives up the connection.
    private func ask(_ item: String, _ context: CallContext) async throws -> Int? {
        var request = HTTPClientRequest(url: "\(address)/levels/\(item)")
        request.headers.add(name: "x-attempt", value: "\(context.attempt)")
        // What is left of the whole call's deadline: when it is over, nobody waits for the stock's answer any more.
        if let remaining = context.remaining(at: TimeSource.system.now()) {
            request.headers.add(name: "x-deadline-ms", value: "\(max(1, Int(remaining / .milliseconds(1))))")
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        guard response.status == .ok else {
            let retryAfter = response.headers.first(name: "retry-after").flatMap {
                RetryAfter.parse(
                    $0, date: response.headers.first(name: "date"), now: .seconds(Date().timeIntervalSince1970))
            }
            throw Refusal(status: response.status, retryAfter: retryAfter)
        }
        return Int(String(buffer: try await response.body.collect(upTo: 1024)))
    }

    /// What an attempt says about the stock: 4xx are answers of a service that works, except for 429.
    private static let classifier = Classifier<Int?, any Error> { result in
        switch result {
        case .success: .success
        case .failure(let refusal as Refusal) where refusal.status == .tooManyRequests:
            Classification(.throttled, retryAfter: refusal.retryAfter)
        case .failure(let refusal as Refusal) where refusal.status.code < 500: Classification(.success, retry: .never)
        case .failure(let refusal as Refusal): Classification(.failure, retryAfter: refusal.retryAfter)
        case .failure(is CancellationError): .ignore
        case .failure: .failure
        }
    }
}
