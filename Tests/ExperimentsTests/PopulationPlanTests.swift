// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Experiments
@testable import Scenarios

@Suite("A population plan")
struct PopulationPlanTests {
    private var population: Scenario.Population {
        var population = Scenario.Population()
        population.users = 200
        population.friends = 10
        population.posts = 600
        population.comments = 1200
        return population
    }

    @Test("follows from its seed")
    func deterministic() {
        #expect(PopulationPlan(population, seed: 1) == PopulationPlan(population, seed: 1))
        #expect(PopulationPlan(population, seed: 1) != PopulationPlan(population, seed: 2))
    }

    @Test("has as many of everything as asked for, with the mean degree asked for")
    func sizes() {
        let plan = PopulationPlan(population, seed: 7)
        #expect(plan.users.count == 200)
        #expect(plan.posts.count == 600)
        #expect(plan.comments.count == 1200)
        #expect(plan.friendships.count == 1000)
        #expect(Set(plan.users.map(\.name)).count == 200)
    }

    @Test("gives everybody a friend and nobody the same one twice or themselves")
    func graph() {
        let plan = PopulationPlan(population, seed: 7)
        var friends: [Int: Set<Int>] = [:]
        for pair in plan.friendships {
            #expect(pair.from != pair.to)
            #expect(friends[pair.from, default: []].insert(pair.to).inserted)
            #expect(friends[pair.to, default: []].insert(pair.from).inserted)
        }
        #expect(friends.count == 200)
    }

    @Test("makes the first users popular")
    func popularity() {
        let plan = PopulationPlan(population, seed: 7)
        func degree(_ users: Range<Int>) -> Int {
            plan.friendships.count { users.contains($0.from) } + plan.friendships.count { users.contains($0.to) }
        }
        #expect(degree(0..<10) > 3 * degree(100..<110))
        let byTopTen = plan.posts.count { $0.author < 10 }
        #expect(byTopTen > 200, "10 of 200 users write a third of the posts under Zipf's law")
    }

    @Test("copes with populations that are too small for what they ask", arguments: [0, 1, 2, 3])
    func small(users: Int) {
        var small = population
        small.users = users
        let plan = PopulationPlan(small, seed: 3)
        #expect(plan.users.count == users)
        #expect(plan.friendships.count == users * (users - 1) / 2)
        #expect(plan.posts.count == (users == 0 ? 0 : 600))
        #expect(plan.comments.count == (users == 0 ? 0 : 1200))
    }
}
