// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("The documentation of ResilienceTesting")
struct DocumentationTests {
    @Test("shows the example exactly as it is tested")
    func example() throws {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let test = try String(contentsOf: here.appendingPathComponent("StockExampleTests.swift"), encoding: .utf8)
        let page = try String(
            contentsOf: here.appendingPathComponent(
                "../../Sources/ResilienceTesting/ResilienceTesting.docc/TestingPolicies.md"), encoding: .utf8)
        let start = try #require(test.range(of: "import Resilience\n"))
        #expect(page.contains("```swift\n\(test[start.lowerBound...])```"))
    }
}
